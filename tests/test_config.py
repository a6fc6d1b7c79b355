import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from config import ConfigError, KafkaSettings, Settings, load_server_settings, load_settings, reference_markdown
from config.durations import format_duration, parse_duration
from config.problems import section_model

MINIMAL = {"profile": {"path": "shop.offmap"}}
KAFKA = {"bootstrap_servers": "one:9092,two:9092", "topics": ["llm"]}


def write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def problems(content: object, tmp_path: Path, **more: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path / "offmap.yaml", content), **{"environ": {}, **more})
    return caught.value.problems


def test_defaults_are_those_of_the_reference() -> None:
    settings = load_settings(overrides=MINIMAL, environ={})
    assert settings.kafka is None
    assert settings.embedding.max_prompt_chunks is None
    assert settings.embedding.max_response_chunks is None
    assert settings.windows.levels == (0.01, 0.05, 0.1)
    assert settings.payload.prompt_part is None


def test_settings_are_frozen() -> None:
    settings = load_settings(overrides=MINIMAL, environ={})
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1


def test_every_field_says_what_it_is() -> None:
    for name, section in Settings.model_fields.items():
        assert section.description, name
        for key, field in section_model(section.annotation).model_fields.items():
            assert field.description, f"{name}.{key}"
            assert field.description.endswith("."), f"{name}.{key}"


def test_reference_names_every_key_and_every_default() -> None:
    text = reference_markdown()
    for section in Settings.model_fields.values():
        for key in section_model(section.annotation).model_fields:
            assert f"| `{key}` | " in text
    assert "| `port` | integer | `9469` |" in text
    assert "`5m, 1h, 1d`" in text
    assert "{" not in text  # no Python value shown raw


def test_overrides_win_over_environment_and_environment_over_file(tmp_path: Path) -> None:
    path = write(
        tmp_path / "offmap.yaml", {**MINIMAL, "server": {"port": 1, "host": "file"}, "logging": {"level": "error"}}
    )
    environ = {"OFFMAP_SERVER__PORT": "2", "OFFMAP_SERVER__HOST": "environment"}
    settings = load_settings(path, {"server": {"port": 3}}, environ=environ)
    assert (settings.server.port, settings.server.host, settings.logging.level) == (3, "environment", "error")


def test_environment_carries_lists_durations_and_secrets() -> None:
    environ = {
        "OFFMAP_PROFILE__PATH": "x.offmap",
        "OFFMAP_KAFKA__BOOTSTRAP_SERVERS": "a:1, b:2",
        "OFFMAP_KAFKA__TOPICS": '["x", "y"]',
        "OFFMAP_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "OFFMAP_KAFKA__SASL_MECHANISM": "PLAIN",
        "OFFMAP_KAFKA__SASL_USERNAME": "me",
        "OFFMAP_KAFKA__SASL_PASSWORD": "12345",
        "OFFMAP_WINDOWS__LENGTHS": "10m,2h",
        "OFFMAP_EMBEDDING__SCORE_RESPONSES": "false",
        "OFFMAP_DATA": "benchmark data",
    }
    settings = load_settings(environ=environ)
    assert settings.kafka is not None
    assert settings.kafka.bootstrap_servers == ("a:1", "b:2")
    assert settings.kafka.topics == ("x", "y")
    assert settings.windows.lengths == (600.0, 7200.0)
    assert settings.embedding.score_responses is False
    assert settings.kafka.sasl_password is not None
    assert settings.kafka.sasl_password.get_secret_value() == "12345"
    assert "12345" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("OFFMAP_KAFKA__GRUOP_ID", "did you mean OFFMAP_KAFKA__GROUP_ID?"),
        ("OFFMAP_PORT", "enableServiceLinks: false"),
        ("OFFMAP_NOTHING__LIKE_IT", "is no setting"),
        ("offmap_server__prot", "did you mean OFFMAP_SERVER__PORT?"),
    ],
)
def test_unknown_variables_are_named(name: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides=MINIMAL, environ={name: "tcp://10.0.0.1:80"})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{name}: ")
    assert expected in problem


def test_a_value_from_the_environment_is_told_with_its_variable(tmp_path: Path) -> None:
    environ = {
        "OFFMAP_SERVER__PORT": "70000",
        "offmap_windows__levels": "0.05, 7",
        "OFFMAP_KAFKA__SASL_PASSWORD": "hidden",
        "OFFMAP_SAMPLING__MIN_FRACTION": "2",
    }
    content = {**MINIMAL, "kafka": KAFKA, "server": {"port": "from the file"}}
    path = write(tmp_path / "offmap.yaml", content)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {"sampling": {"min_fraction": 3}}, environ=environ)
    told = sorted(problem.split(": ")[0] for problem in caught.value.problems)
    assert told == [
        "kafka.sasl_password (from OFFMAP_KAFKA__SASL_PASSWORD)",
        "sampling.min_fraction",
        "server.port (from OFFMAP_SERVER__PORT)",
        "windows.levels[1] (from offmap_windows__levels)",
    ]
    assert "hidden" not in str(caught.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    content = {
        "kafka": {"bootstrap_servers": ["nowhere"], "topics": ["a b"], "topic_pattern": "(", "ssl_keyfile": "k.pem"},
        "profil": {},
        "server": {"port": 70000, "prot": 1},
        "sampling": {"min_fraction": 0.9, "max_fraction": 0.5},
        "embedding": {"threads": "two"},
        "windows": {"levels": [0.05, 1.5], "lengths": ["5 minutes"]},
    }
    found = problems(content, tmp_path, environ={"OFFMAP_X": "1"})
    for path in [
        "OFFMAP_X",
        "profile.path",
        "profil",
        "kafka.bootstrap_servers[0]",
        "kafka.topics[0]",
        "kafka.topic_pattern",
        "kafka.ssl_keyfile",
        "kafka.ssl_certfile",
        "server.port",
        "server.prot",
        "sampling.min_fraction",
        "embedding.threads",
        "windows.levels[1]",
        "windows.lengths[0]",
    ]:
        assert any(problem.startswith(f"{path}: ") for problem in found), path
    assert len(found) == 14


@pytest.mark.parametrize(
    ("kafka", "expected"),
    [
        ({"topics": None}, "kafka.topics: is missing"),
        ({"topic_pattern": "x.*"}, "are both set: remove one"),
        ({"topics": ["a", "a"]}, "names the same topic twice"),
        ({"bootstrap_servers": []}, "kafka.bootstrap_servers: is missing"),
        (
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "u"},
            "kafka.sasl_password: is missing",
        ),
        ({"sasl_password": "hidden"}, "kafka.sasl_password: has no use with kafka.security_protocol PLAINTEXT"),
        ({"ssl_cafile": "ca.pem"}, "kafka.ssl_cafile: has no use with kafka.security_protocol PLAINTEXT"),
        ({"security_protocol": "SSL", "ssl_certfile": "c.pem"}, "kafka.ssl_keyfile: is missing"),
        ({"auto_offset_reset": "earlist"}, "'earliest' or 'latest'"),
        ({"session_timeout_seconds": 900}, "must not exceed kafka.max_poll_interval_seconds"),
    ],
)
def test_contradictions_within_kafka(kafka: dict[str, object], expected: str, tmp_path: Path) -> None:
    (problem,) = problems({**MINIMAL, "kafka": {**KAFKA, **kafka}}, tmp_path)
    assert expected in problem
    assert "hidden" not in problem


def test_a_wrong_password_type_is_not_shown(tmp_path: Path) -> None:
    sasl = {"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN", "sasl_username": "u", "sasl_password": 987654}
    (problem,) = problems({**MINIMAL, "kafka": {**KAFKA, **sasl}}, tmp_path)
    assert "987654" not in problem
    assert "quotes" in problem


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ({}, "schema_registry.url: is missing"),
        ({"url": "registry:8081"}, "must be an address such as https://registry:8081"),
        ({"url": "file:///etc/x"}, "must be an address"),
        ({"url": "https://me:hidden@registry"}, "must not hold a user or a password"),
        ({"url": "https://a, https://b:x"}, "schema_registry.url[1]: must be an address"),
        ({"url": "https://a", "username": "me"}, "schema_registry.password: is missing"),
        ({"url": "https://a", "password": "hidden"}, "schema_registry.username: is missing"),
        ({"url": "https://a", "token": "hidden", "username": "me", "password": "hidden"}, "both set: remove one"),
        ({"url": "https://a", "token": 987654}, "quotes"),
    ],
)
def test_contradictions_within_the_schema_registry(registry: dict[str, object], expected: str, tmp_path: Path) -> None:
    (problem,) = problems({**MINIMAL, "schema_registry": registry}, tmp_path)
    assert expected in problem
    assert "hidden" not in problem
    assert "987654" not in problem


BOMB = "a: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{','.join(9 * [f'*a{i - 1}'])}]\n" for i in range(1, 20))
BOMB += "server: {port: *a19}\n"
"""Twenty lines that would be 9^19 words if they were written out."""


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("- a\n- b\n", "but is a list"),
        ("just words\n", "but is a single value"),
        ("server:\n\tport: 1\n", "line 2, column 1: a tab stands where YAML wants spaces"),
        ("server:\n  port: 1\n  port: 2\n", "key 'port' stands twice, on lines 2 and 3"),
        ("server: {port: 1\n", "line 2, column 1"),
        ("a: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("profile: {path: x}\nserver: 5\n", "server: must hold keys and values (got 5)"),
        ("", "profile.path: is missing"),
        ("profile:\nserver:\n", "profile.path: is missing"),
        ("#" * 1_000_001, "not a configuration"),
        ("[" * 3_000, "nested too deeply"),
        ("pager: {acknowledged: 2026-02-30}\n", "line 1, column 23: is no timestamp, though it looks like one: put it"),
        ("server: {port: 0x_}\n", "line 1, column 16: is no int"),
        ("server: {port: !!timestamp x}\n", "line 1, column 16: is no timestamp"),
        (f"server: {{port: {'9' * 5_000}}}\n", "line 1, column 16: is no int"),
        (f"checkpoint: {{interval_seconds: {'9' * 400}}}\n", "checkpoint.interval_seconds: must be a duration"),
        (
            f"kafka: {{topic_pattern: {'(' * 3_000 + ')' * 3_000}}}\n",
            "kafka.topic_pattern: is not a regular expression",
        ),
        (BOMB, "server.port: must be a valid integer (got [[["),
    ],
)
def test_broken_yaml(content: str, expected: str, tmp_path: Path) -> None:
    assert expected in "\n".join(problems(content, tmp_path))


def test_a_file_that_is_not_text_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"server:\n  host: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"line 2: is not UTF-8 text"):
        load_settings(path, environ={})
    with pytest.raises(ConfigError, match=r"gone.yaml: 1 problem\n  cannot be read: No such file"):
        load_settings(tmp_path / "gone.yaml", environ={})
    with pytest.raises(ConfigError, match=r"cannot be read: Is a directory"):
        load_settings(tmp_path, environ={})


def test_a_needed_section_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(overrides=MINIMAL, environ={}, needs=("kafka",))
    (problem,) = caught.value.problems
    assert problem.startswith("kafka: is missing")
    settings = load_settings(overrides={**MINIMAL, "kafka": KAFKA}, environ={}, needs=("kafka",))
    assert isinstance(settings.kafka, KafkaSettings)


@pytest.mark.parametrize("text", ["0s", "", "5 m", "m5", "-5", "1m1h", "nan", "inf", "True"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration(text)


@pytest.mark.parametrize("seconds", [1.0, 59.0, 60.0, 300.0, 3661.0, 86_400.0, 90_061.0, 0.25])
def test_durations_survive_a_round_trip(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("windows", "path"),
    [
        ({"lengths": ["5m", "300s"]}, "windows.lengths"),
        ({"lengths": ["30s"]}, "windows.lengths"),
        ({"levels": [0.05, 0.05]}, "windows.levels"),
        ({"lengths": []}, "windows.lengths"),
    ],
)
def test_windows_that_do_not_work(windows: dict[str, object], path: str, tmp_path: Path) -> None:
    (problem,) = problems({**MINIMAL, "windows": windows}, tmp_path)
    assert problem.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("server: {port: 9000}\nkafka: {topic: t}", 9000),
        ("server: {port: high}", 9469),
        ("server: nine", 9469),
        ("server:", 9469),
        ("server: [", 9469),
    ],
)
def test_where_to_listen_is_known_whatever_else_is_wrong(text: str, port: int, tmp_path: Path) -> None:
    path = tmp_path / "offmap.yaml"
    path.write_text(text)
    assert load_server_settings(path).port == port
    assert load_server_settings(tmp_path / "nowhere.yaml").port == 9469


@pytest.mark.parametrize(
    ("variable", "port"), [("OFFMAP_SERVER__PORT", 9001), ("OFFMAP_PORT", 9000), ("OFFMAP_KAFKA__TOPIC", 9000)]
)
def test_where_to_listen_is_known_whatever_the_environment_holds(
    variable: str, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes sets OFFMAP_PORT for a Service called offmap."""
    monkeypatch.setenv(variable, "9001")
    path = tmp_path / "offmap.yaml"
    path.write_text("server: {port: 9000}")
    assert load_server_settings(path).port == port


def test_importing_the_package_costs_no_numpy_and_no_pydantic_settings() -> None:
    code = "import sys, config; print(sorted({'numpy', 'pydantic_settings', 'kafka', 'agent'} & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert output.stdout.strip() == "[]"
