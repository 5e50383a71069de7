"""Reports: pure functions from one `Report` to JSON, HTML, PDF, Markdown, CSV, JUnit XML, SARIF, OSCAL and the console."""
