"""The store: connection, migrations, columns and the sink."""
