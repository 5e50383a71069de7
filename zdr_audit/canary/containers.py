"""The openers of container files, beside the compressed data in `streams.OPENERS`."""

from __future__ import annotations

from . import avro, blocks, captures, databases, dumps, fields, orc, parquet, pdf, records, sevenzip, uu, wide
from .compression import Unsupported
from .opener import Opener
from .walk import Gather


def _encrypted() -> Unsupported:
    return Unsupported("it is encrypted")


# With a magic that is long enough to be met at any offset.
CONTAINERS: tuple[Opener, ...] = (
    Opener("parquet", ((parquet.MAGIC, 0),), parquet.is_parquet, parquet.decoder, strict=True),
    Opener("avro", ((avro.MAGIC, 0),), avro.is_avro, avro.decoder, strict=True),
    Opener("7z", ((sevenzip.MAGIC, 0),), sevenzip.is_7z, sevenzip.SevenZip, strict=True),
    Opener("snappy", ((records.XERIAL_MAGIC, 0),), records.is_xerial, records.xerial_decoder, strict=True),
    Opener("dump", tuple((start, 0) for start in dumps.STARTS), dumps.is_dump, dumps.Dump, strict=False),
    Opener("ascii85", tuple((name, 0) for name in pdf.ASCII85), pdf.is_filter, pdf.ascii85, strict=False),
    Opener("hex", tuple((name, 0) for name in pdf.ASCII_HEX), pdf.is_filter, pdf.ascii_hex, strict=False),
    Opener("lzw", tuple((name, 0) for name in pdf.LZW), pdf.is_lzw, pdf.lzw, strict=False, looks=1024),
    Opener("pdf", tuple((name, 0) for name in pdf.RUN_LENGTH), pdf.is_filter, pdf.run_length, strict=False, keeps=True),
    Opener("pdf", ((pdf.ENCRYPT, 0),), pdf.is_encryption, _encrypted, strict=True, refused=True),
    Opener(
        "chunked",
        tuple((start, 0) for start in captures.CHUNKED),
        captures.is_chunked,
        captures.Chunked,
        strict=False,
        quiet=True,
        keeps=True,
    ),
    Opener("pcap", tuple((start, 0) for start in captures.PCAP), captures.is_pcap, captures.pcap_decoder, strict=True, keeps=True),
    Opener("pcap", tuple((start, 0) for start in captures.PCAPNG), captures.is_pcapng, captures.pcapng_decoder, strict=True, keeps=True),
    Opener("uuencode", ((b"begin ", 0),), uu.is_uuencoded, uu.Uuencoded, strict=False, in_text=True),
    Opener("ascii85", ((b"<~", -2),), uu.is_adobe, uu.adobe, strict=False, quiet=True),
    Opener("wired-tiger", ((databases.WIRED_TIGER, 0),), lambda head: len(head) > 8, databases.wired_tiger, strict=True, keeps=True),
    Opener("pg-dump", ((databases.PG_DUMP, 0),), databases.is_pg_dump, databases.PgDump, strict=True, keeps=True),
    Opener("duckdb", ((databases.DUCKDB, 8),), databases.is_duckdb, databases.no_duckdb, strict=True, refused=True),
    Opener("journald", ((records.JOURNAL_MAGIC, 0),), records.is_journal, records.journal_decoder, strict=True),
)


# Tried where an object begins, or what an encoding decoded to.
WHOLE_CONTAINERS: tuple[Opener, ...] = (
    Opener("parquet", (), parquet.is_encrypted_parquet, _encrypted, strict=True, refused=True),
    Opener("utf-16le", (), wide.is_little, lambda: wide.Wide("utf-16-le"), strict=False, quiet=True),
    Opener("utf-16be", (), wide.is_big, lambda: wide.Wide("utf-16-be"), strict=False, quiet=True),
    Opener("orc", (), orc.is_orc, orc.decoder, strict=True),
    Opener("kafka", (), records.is_kafka, records.kafka_decoder, strict=False),
    Opener("record", (), fields.is_record, lambda: Gather(fields.decode, fields.is_record), strict=False, quiet=True),
    Opener("clickhouse", (), databases.is_clickhouse, databases.clickhouse, strict=False, keeps=True),
    Opener("snappy", (), blocks.is_snappy_block, lambda: Gather(blocks.unsnappy, blocks.is_snappy_block), strict=False, quiet=True),
    Opener("lz4", (), blocks.is_lz4_block, lambda: Gather(blocks.unlz4, blocks.is_lz4_block), strict=False, quiet=True),
)
