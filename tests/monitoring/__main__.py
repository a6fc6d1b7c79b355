"""`make docs` writes the alerts and dashboards of the chart from the tables in here; a test compares them."""

from tests.monitoring.files import FILES, FOLDER

for name, content in FILES.items():
    path = FOLDER / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content(), encoding="utf-8")
