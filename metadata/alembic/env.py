"""What Alembic runs for every command: the migrations, on the connection that metadata/migrate.py gives."""

from alembic import context

from metadata.migrate import VERSION_TABLE
from metadata.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    compare_type=True,
)
context.run_migrations()
