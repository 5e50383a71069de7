"""The interface at depth: what its document says, sent and judged; who may call what; whose identifiers are whose."""
