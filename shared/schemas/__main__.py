"""Write the schema of every event beside this file."""

import json

from railwatch.shared.events import EVENT_TYPES
from railwatch.shared.schemas import json_schema, schema_path

for event_type, model in EVENT_TYPES.items():
    schema_path(event_type).write_text(json.dumps(json_schema(model), indent=2, ensure_ascii=False) + "\n")
