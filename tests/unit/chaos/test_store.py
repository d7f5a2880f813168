import obstore
from obstore.store import S3Store

from tests.chaos.store import Store


def test_the_store_lists_what_it_holds_and_what_its_mood_shows() -> None:
    with Store("127.0.0.1") as server:
        store = S3Store(
            "chaos",
            prefix="blobs",
            endpoint=server.settings["RAILWATCH_BLOBS_S3_ENDPOINT"],
            region="here",
            access_key_id="chaos",
            secret_access_key="no-secret",
            client_options={"allow_http": True},
        )
        for path in ("baselines/a/r0-c0/1.json", "baselines/b/2.json", "counts/a/3.json"):
            obstore.put(store, path, b"{}")

        def listed() -> list[str]:
            return sorted(found["path"] for chunk in obstore.list(store, "baselines") for found in chunk)

        assert listed() == ["baselines/a/r0-c0/1.json", "baselines/b/2.json"]
        assert sorted(obstore.list_with_delimiter(store, "baselines")["common_prefixes"]) == [
            "baselines/a",
            "baselines/b",
        ]
        assert [found["size"] for found in obstore.list_with_delimiter(store, "baselines/b")["objects"]] == [2]
        with server.in_mood("older", {"/chaos/blobs/baselines/b/2.json"}):
            assert listed() == ["baselines/a/r0-c0/1.json"]
        server.shutdown()
