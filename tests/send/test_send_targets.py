"""targets.yml: what it may say, and that every mistake is named by target and key, never with a value."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from sending_release import TOKEN

from etl.errors import Terminal
from etl.send import load_targets
from etl.send.credentials import private_text, secret_of
from etl.send.targets import EmailTarget, FolderTarget, HttpPutTarget, SftpTarget

PIN = "SHA256:" + "A" * 43
SOUND: dict[str, dict[str, Any]] = {
    "folder": {"name": "luu", "kind": "folder", "products": "all", "path": "luu"},
    "sftp": {
        "name": "mot-cua",
        "kind": "sftp",
        "products": ["D1", "D3"],
        "provinces": ["phu_tho"],
        "host": "sftp.example.gov.vn",
        "port": 2222,
        "user": "bochiso",
        "host_keys": [PIN],
        "key_file": "/etc/bochiso/id",
        "folder": "nhan",
    },
    "http_put": {
        "name": "cong",
        "kind": "http_put",
        "products": ["D4"],
        "url": "https://cong.example.gov.vn/dav/",
        "token_file": "bi-mat/cong",
        "headers": {"X-Office": "H44"},
    },
    "email": {
        "name": "thu",
        "kind": "email",
        "products": ["D2"],
        "host": "smtp.example.gov.vn",
        "port": 587,
        "security": "starttls",
        "user": "bc@example.gov.vn",
        "password_env": "GUI_MAT_KHAU",
        "from": "VP <bc@example.gov.vn>",
        "to": ["a@example.gov.vn"],
        "subject": "{province} {period}",
    },
}


def written(home: Path, *targets: object) -> Path:
    path = home / "targets.yml"
    path.write_text(yaml.safe_dump({"targets": list(targets)}, allow_unicode=True), encoding="utf-8")
    return path


def test_no_file_is_no_target(tmp_path: Path) -> None:
    assert load_targets(tmp_path / "targets.yml") == ()


def test_a_sound_file_is_read_in_its_order(tmp_path: Path) -> None:
    folder, sftp, web, mail = load_targets(written(tmp_path, *SOUND.values()))
    assert isinstance(folder, FolderTarget)
    assert isinstance(sftp, SftpTarget)
    assert isinstance(web, HttpPutTarget)
    assert isinstance(mail, EmailTarget)
    assert folder.path == tmp_path / "luu"  # beside the file, not where the program was started
    assert web.token_file == tmp_path / "bi-mat" / "cong"
    assert web.url == "https://cong.example.gov.vn/dav"
    assert mail.sender_address.addr_spec == "bc@example.gov.vn"


def test_a_target_takes_its_duties_and_provinces_only(tmp_path: Path) -> None:
    folder, sftp, _, mail = load_targets(written(tmp_path, *SOUND.values()))
    assert all(folder.takes(duty, code) for duty in ("D1", "D4") for code in ("H44", "H29"))
    assert [sftp.takes(duty, "H44") for duty in ("D1", "D2", "D3", "D4")] == [True, False, True, False]
    assert sftp.provinces == ("H44",)  # written as a slug
    assert not sftp.takes("D1", "H29")
    assert mail.takes("D2", "H29")


def test_an_office_with_duties_and_provinces_of_its_own_can_name_them(tmp_path: Path) -> None:
    shipped = Path(load_targets.__code__.co_filename).parents[1]
    duties = (shipped / "duties.yml").read_text(encoding="utf-8").replace("id: D4", "id: D9")
    (tmp_path / "duties.yml").write_text(duties, encoding="utf-8")
    (tmp_path / "provinces").mkdir()
    province = (shipped / "reference" / "provinces" / "phu_tho.yml").read_text(encoding="utf-8")
    own = province.replace("slug: phu_tho", "slug: tinh_moi").replace("H44", "H99")
    (tmp_path / "provinces" / "tinh_moi.yml").write_text(own, encoding="utf-8")
    entry = SOUND["folder"] | {"products": ["D9"], "provinces": ["tinh_moi", "H44"]}
    (one,) = load_targets(written(tmp_path, entry))
    assert one.takes("D9", "H99")
    with pytest.raises(Terminal, match="luu: products: no duty is called D4"):
        load_targets(written(tmp_path, entry | {"products": ["D4"]}))


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("folder", {"name": "Lưu trữ"}, "name: String should match"),
        ("folder", {"kind": "ftp"}, "kind: it must be one of folder, sftp, http_put, email"),
        ("folder", {"kind": None}, "kind: it must be one of"),
        ("folder", {"products": ["D1", "D7"]}, "products: no duty is called D7: use D1, D2, D3, D4 or all"),
        ("folder", {"products": ["D1", "D1"]}, "products: a duty is named twice"),
        ("folder", {"products": []}, "products"),
        ("folder", {"products": None}, "products"),
        ("folder", {"provinces": ["phu_thọ"]}, "provinces: no province is called 'phu_thọ'"),
        ("folder", {"provinces": []}, "provinces"),
        ("folder", {"pfad": "x"}, "pfad: there is no such key"),
        ("folder", {"path": None}, "path"),
        ("folder", {"mount_point": "/mnt/khac"}, "path does not lie under mount_point"),
        ("folder", {"attempts": 0}, "attempts: Input should be greater"),
        ("folder", {"attempts": 1000}, "attempts: Input should be less"),
        ("sftp", {"host": "sftp://sftp.example.gov.vn"}, "host: write a host name"),
        ("sftp", {"host": "bochiso@sftp.example.gov.vn"}, "host: write a host name"),
        ("sftp", {"host": "-oProxyCommand=x"}, "host: write a host name"),
        ("sftp", {"port": "22"}, "port: Input should be a valid integer"),
        ("sftp", {"port": 70000}, "port: Input should be less"),
        ("sftp", {"host_keys": None}, "one of known_hosts and host_keys"),
        ("sftp", {"known_hosts": "x"}, "one of known_hosts and host_keys"),
        ("sftp", {"host_keys": ["MD5:aa"]}, "host_keys.0: String should match"),
        ("sftp", {"host_keys": []}, "host_keys"),
        ("sftp", {"key_file": None}, "a key_file, password_file or password_env is needed"),
        ("sftp", {"password_file": "a", "password_env": "B"}, "both there: keep one"),
        ("sftp", {"folder": "../x"}, "folder: it holds control characters or '..'"),
        ("sftp", {"user": "a\nb"}, "user: it holds control characters"),
        ("sftp", {"verify": "none"}, "verify"),
        ("sftp", {"password_env": "mat khau"}, "password_env: String should match"),
        ("http_put", {"url": "http://cong.example.gov.vn/"}, "url: it must begin with https"),
        ("http_put", {"url": "ftp://cong.example.gov.vn/"}, "url: it must begin with https"),
        ("http_put", {"url": "https://cong.example.gov.vn/?token=x"}, "url: it holds a query"),
        ("http_put", {"url": "https://cong.example.gov.vn/a#b"}, "url: it holds a query"),
        ("http_put", {"url": "https://cong.example.gov.vn/../x"}, "url: it holds '.'"),
        ("http_put", {"url": "https:///x"}, "url: write a host name"),
        ("http_put", {"url": "https://cong.example.gov.vn:99999/"}, "url: it is not a web address"),
        ("http_put", {"url": "https://127.0.0.1.example.gov.vn\\@x/"}, "url: it holds characters"),
        ("http_put", {"url": "http://127.0.0.1.example.gov.vn/"}, "url: it must begin with https"),
        ("http_put", {"headers": {"X A": "b"}}, "headers: a header's name"),
        ("http_put", {"headers": {"X-A": "b\r\nX-B: c"}}, "headers: the header X-A may hold plain"),
        ("http_put", {"headers": {"Overwrite": "T"}}, "headers: the header Overwrite cannot be set"),
        ("http_put", {"user": "a"}, "a token and a user or password"),
        ("http_put", {"token_file": None, "user": "a"}, "user needs password_file or password_env"),
        ("http_put", {"token_env": "A"}, "token_file and token_env are both there"),
        ("http_put", {"rename": "copy"}, "rename"),
        ("email", {"security": None}, "security"),
        ("email", {"security": "none"}, "security none would send the password in the clear"),
        ("email", {"password_env": None}, "user needs password_file or password_env"),
        ("email", {"from": "VP"}, "from: it is not one plain e-mail address"),
        ("email", {"from": "a@example.gov.vn\r\nBcc: b@example.gov.vn"}, "from: it"),
        ("email", {"to": []}, "to"),
        ("email", {"to": "a@example.gov.vn"}, "to: Input should be a valid tuple"),
        ("email", {"to": ["a@example.gov.vn", "A@example.gov.vn"]}, "an address stands twice in to"),
        ("email", {"to": ["a@example.gov.vn, b@example.gov.vn"]}, "to.0: it is not one plain e-mail"),
        ("email", {"to": ["<a@example.gov.vn>"]}, "to.0: it is not one plain e-mail"),
        ("email", {"subject": "{province.__class__}"}, "subject: {province.__class__} is not a field"),
        ("email", {"subject": "{0}"}, "subject: {0} is not a field"),
        ("email", {"subject": "{period!r}"}, "subject: {period} is not a field"),
        ("email", {"subject": "{"}, "subject"),
        ("email", {"subject": "a\nb"}, "subject: it holds control characters"),
        ("email", {"max_mib": 0}, "max_mib: Input should be greater"),
    ],
)
def test_a_mistake_is_named_by_target_and_key(
    kind: str, change: dict[str, Any], words: str, tmp_path: Path
) -> None:
    entry = {key: value for key, value in (SOUND[kind] | change).items() if value is not None}
    with pytest.raises(Terminal) as caught:
        load_targets(written(tmp_path, entry))
    place = entry["name"] if kind != "folder" or change.keys() != {"name"} else "Lưu trữ"
    assert f"{place}: " in caught.value.message
    assert words in caught.value.message
    assert "docs/van-phong/gui-bao-cao.md" in caught.value.remedy


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    first, second = SOUND["folder"] | {"pfad": 1}, SOUND["sftp"] | {"port": 0}
    with pytest.raises(Terminal) as caught:
        load_targets(written(tmp_path, first, second, "x", SOUND["email"], SOUND["email"]))
    for words in ("luu: pfad", "mot-cua: port", "target 3: ", "thu: name: it stands on two targets"):
        assert words in caught.value.message


@pytest.mark.parametrize("key", ["password", "token", "Authorization", "passphrase"])
def test_a_secret_in_the_file_is_refused_and_not_repeated(key: str, tmp_path: Path) -> None:
    with pytest.raises(Terminal, match=f"luu: {key}: a secret must not stand in this file") as caught:
        load_targets(written(tmp_path, SOUND["folder"] | {key: TOKEN}))
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


@pytest.mark.parametrize(
    "change",
    [
        {"url": f"https://a:{TOKEN}@cong.example.gov.vn/"},
        {"headers": {"Authorization": f"Bearer {TOKEN}"}},
        {"headers": {"X-Api-Key": TOKEN}},
        {"token_file": None, "token_env": TOKEN},
        {"user": f"a:{TOKEN}"},
    ],
)
def test_a_secret_in_a_wrong_place_is_refused_and_not_repeated(
    change: dict[str, Any], tmp_path: Path
) -> None:
    entry = {key: value for key, value in (SOUND["http_put"] | change).items() if value is not None}
    with pytest.raises(Terminal, match="cong: ") as caught:
        load_targets(written(tmp_path, entry))
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"targets:\n  - name: x\n    password: {TOKEN}\n   kind: folder\n", "it is not YAML, line 4"),
        (f"targets: [{{password: {TOKEN}, x: @}}]", "it is not YAML, line 1"),
        (f"targets: !!python/object/apply:os.system ['{TOKEN}']", "it is not YAML"),
        ("targets:\n- name: a\n  name: b\n", "the key name stands twice, line 3"),
        ("", "must hold one key, targets, with a list"),
        ("targets: x", "must hold one key, targets, with a list"),
        ("targets: []\nother: 1\n", "must hold one key, targets, with a list"),
        ("- a\n", "must hold one key, targets, with a list"),
        ("[" * 2000, "it is not YAML"),
        ("targets: [{? [a, b] : c}]", ": "),
    ],
)
def test_a_file_that_cannot_be_read_is_told_without_its_words(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "targets.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Terminal) as caught:
        load_targets(path)
    assert words in caught.value.message
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "targets.yml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Terminal, match="not UTF-8 text"):
        load_targets(tmp_path / "targets.yml")


# --- secrets in files of their own ----------------------------------------------------


def secret_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    path = folder / "bi-mat"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("content", [b"m\xe1\xba\xadt khau", b"mat-khau\n", b" mat-khau \r\n"])
def test_a_private_file_gives_its_one_line(content: bytes, tmp_path: Path) -> None:
    secret = secret_of(secret_file(tmp_path, content), None, {}, "password")
    assert secret is not None
    assert secret.get_secret_value() == content.decode().rstrip("\r\n")
    assert secret.get_secret_value() not in f"{secret!r} {secret}"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644])
def test_a_file_that_others_can_read_or_write_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(Terminal, match=f"others .mode 0{mode:o}") as caught:
        secret_of(secret_file(tmp_path, TOKEN.encode(), mode), None, {}, "token")
    assert "chmod 600" in caught.value.remedy
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one-secret\ntwo", "more than one line"),
        (b"one-secret\x00", "more than one line"),
        (b"one-secret\xff", "is not UTF-8"),
        (b"one-secret" * 1000, "is larger than 4096"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_unshown(content: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(Terminal, match=words) as caught:
        secret_of(secret_file(tmp_path, content), None, {}, "password")
    shown = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    assert "one-secret" not in shown.partition("__context__")[0] or "UnicodeDecodeError" in shown


@pytest.mark.parametrize("case", ["gone", "folder", "pipe"])
def test_what_is_no_file_is_refused_in_time(case: str, tmp_path: Path) -> None:
    path = tmp_path / "bi-mat"
    if case == "folder":
        path.mkdir(0o700)
    elif case == "pipe":
        os.mkfifo(path, 0o600)
    with pytest.raises(Terminal, match=r"cannot be opened|is not a file"):
        private_text(path, "password_file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_account_is_refused(tmp_path: Path) -> None:
    path = secret_file(tmp_path, b"one-secret")
    os.chown(path, 12345, 12345)
    with pytest.raises(Terminal, match=r"belongs to another user .uid 12345"):
        secret_of(path, None, {}, "password")


def test_where_none_is_named_there_is_none() -> None:
    assert secret_of(None, None, {"X": "y"}, "password") is None
