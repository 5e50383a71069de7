"""Reports: pure functions from one `Report` to JSON, HTML, JUnit XML and the console."""
