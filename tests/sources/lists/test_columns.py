"""Columns of lists: which one has the ids, and what the others become."""

import pytest

from gateway.errors import Fault
from gateway.sources.lists import encodings, options
from gateway.sources.lists.options import Options
from tests.sources.lists.loaded import fail, load


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("email,id,external_id,distinct_id,user_id,member_id", "member_id"),
        ("email,id,external_id,distinct_id,customer_id,User-ID", "User-ID"),
        ("email,id,external_id,distinct_id,Customer ID", "Customer ID"),
        ("email,id,external_id,distinct_id,$mixpanel_distinct_id", "$mixpanel_distinct_id"),
        ("email,id,external_id,$distinct_id", "$distinct_id"),
        ("email,id,external_id", "external_id"),
        ("email,ID", "ID"),
        ("plan,E-Mail", "E-Mail"),
    ],
)
def test_id_column__of_several__is_the_first_of_the_list(header: str, column: str) -> None:
    found = load(f"{header}\n{','.join('abcdefgh'[: header.count(',') + 1])}\n").table
    assert found.mapping[column] == "member_id"
    assert list(found.mapping.values()).count("member_id") == 1
    assert not found.bare


def test_id_column__with_none_of_the_names__fails_and_names_the_columns() -> None:
    failed = fail("plan,town\ngold,Bonn\n")
    assert failed.failure == "no_id_column"
    assert "“plan”, “town”" in str(failed)


def test_id_column__of_forty_columns_without_one__names_thirty() -> None:
    failed = fail(",".join(f"c{n}" for n in range(40)) + "\n")
    assert "“c29” and 10 more" in str(failed)


def test_id_column__that_was_given__counts_before_the_list() -> None:
    found = load("id,Kunden Nr\n1,2\n", member_id="kundennr")
    assert found.ids == ["2"]
    assert found.member["properties"] == {"id": "1"}


@pytest.mark.parametrize("asked", [{"member_id": "nr"}, {"fields": {"email": "nr"}}])
def test_column__that_was_given_and_is_missing__fails(asked: dict[str, object]) -> None:
    failed = fail("id,plan\n1,2\n", **asked)
    assert failed.failure == "column_missing"
    assert "“nr”" in str(failed)
    assert "“id”, “plan”" in str(failed)


@pytest.mark.parametrize("header", ["id,plan,plan", "id,Plan,$plan_", "id,first name,First-Name"])
def test_columns__of_one_name__fail(header: str) -> None:
    assert fail(f"{header}\n1,2,3\n").failure == "ambiguous_column"


def test_columns__of_nothing_that_is_compared__are_told_apart() -> None:
    assert load("id,-,_\n1,2,3\n").member["properties"] == {"-": "2", "_": "3"}


def test_columns__without_a_name__are_numbered() -> None:
    found = load("id,, \n1,2,3\n")
    assert found.table.columns == ("id", "column_2", "column_3")
    assert found.member["properties"] == {"column_2": "2", "column_3": "3"}


def test_profile__by_names__is_filled() -> None:
    found = load(
        "member_id;$email;First Name;last_name;Phone-Number;$distinct_id;plan\n"
        "1;a@b.c;Ada;Lovelace;+44 1;d-1;gold\n"
    )
    assert found.member == {
        "member_id": "1",
        "distinct_id": "d-1",
        "email": "a@b.c",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+44 1",
        "properties": {"plan": "gold"},
    }
    assert found.sample == [{**found.members["1"]}]


def test_profile__with_two_names_for_a_field__takes_the_first_that_has_a_value() -> None:
    found = load("phone,id,phone_number\n1,a,2\n3,b,\n,c,\n")
    assert [member["phone"] for member in found.members.values()] == ["2", "3", None]
    assert {str(member["properties"]) for member in found.members.values()} == {"{}"}


@pytest.mark.parametrize(
    ("header", "field"), [("email", "email"), ("distinct_id", "distinct_id"), ("phone", "phone")]
)
def test_profile__of_an_id_column_with_the_name_of_a_field__has_it_too(
    header: str, field: str
) -> None:
    found = load(f"{header},plan\na,gold\n", member_id=header)
    assert found.member == {"member_id": "a", field: "a", "properties": {"plan": "gold"}}
    assert found.table.mapping == {header: "member_id", "plan": "properties"}


def test_profile__by_a_column_that_was_given__leaves_the_named_one_to_properties() -> None:
    found = load("id,email,contact\n1,a,b\n", fields={"email": "contact"})
    assert found.member == {"member_id": "1", "email": "b", "properties": {"email": "a"}}


def test_profile__of_a_file_with_ids_alone__is_left_alone() -> None:
    found = load("email\na@b.c\n")
    assert found.table.bare
    assert found.member == {"member_id": "a@b.c"}
    assert found.members["a@b.c"]["properties"] is None


def test_mapping__that_was_given__counts_before_names_and_what_was_remembered() -> None:
    found = load(
        "id,email,nr,mail\n1,2,3,4\n",
        mapping={"NR": "member_id", "email": "properties"},
        remembered=lambda _: {"id": "member_id", "mail": "email"},
    )
    assert found.table.mapping == {
        "id": "properties",
        "email": "properties",
        "nr": "member_id",
        "mail": "email",
    }
    assert found.member == {
        "member_id": "3",
        "email": "4",
        "properties": {"id": "1", "email": "2"},
    }


def test_mapping__of_an_id_name_to_a_property__takes_the_next_name() -> None:
    assert load("id,email\n1,2\n", mapping={"id": "properties"}).ids == ["2"]


def test_mapping__of_one_column_to_the_id_and_a_field__forgets_the_column_of_before() -> None:
    found = load(
        "id,email\n1,ada@example.com\n",
        member_id="email",
        fields={"email": "email"},
        remembered=lambda _: {"id": "email", "email": "member_id"},
    )
    assert found.ids == ["ada@example.com"]
    assert found.table.mapping == {"id": "properties", "email": "member_id"}
    assert found.member["email"] == "ada@example.com"


def test_mapping__that_was_remembered__is_asked_for_by_the_columns() -> None:
    asked: list[tuple[str, ...]] = []

    def remembered(columns: tuple[str, ...]) -> dict[str, str] | None:
        asked.append(columns)
        return {"town": "member_id"} if columns == ("plan", "town") else None

    assert load("plan,town\n1,2\n", remembered=remembered).ids == ["2"]
    assert asked[-1] == ("plan", "town")


def test_mapping__of_a_single_column_that_was_remembered__makes_it_a_header() -> None:
    found = load("nr\n1\n", remembered=lambda columns: dict.fromkeys(columns, "member_id"))
    assert (found.table.columns, found.ids) == (("nr",), ["1"])


def test_header__that_is_none__numbers_the_columns() -> None:
    found = load("a,b,c\nd,e,f\n", header=False, member_id="2", fields={"email": "3"})
    assert found.table.columns == ("1", "2", "3")
    assert [member["email"] for member in found.members.values()] == ["c", "f"]
    assert found.members["b"]["properties"] == {"1": "a"}
    assert fail("id,b\n", header=False).failure == "no_id_column"


@pytest.mark.parametrize(
    ("columns", "failure"),
    [
        (["id", *(f"c{n}" for n in range(1000))], "too_large"),
        (["id", "x" * 1001], "too_large"),
    ],
)
def test_header__that_is_too_long__fails(columns: list[str], failure: str) -> None:
    assert fail(",".join(columns) + "\n").failure == failure


def test_columns__more_than_a_thousand_without_a_header__fail() -> None:
    assert fail("x,y," * 500 + "z", header=False, member_id="1").failure == "too_large"


def test_header__with_a_thousand_columns__is_read() -> None:
    columns = ["id", *(f"c{n}" for n in range(999))]
    found = load(",".join(columns) + "\n" + ",".join(map(str, range(1000))))
    assert len(found.member["properties"]) == 999


def test_faults__of_good_values__are_none() -> None:
    good = Options(
        member_id="id",
        fields={"email": "mail"},
        mapping={"id": "member_id", "plan": "properties"},
        format="csv",
        encoding="Shift_JIS",
        delimiter="\t",
        sheet="One",
    )
    assert options.faults(good) == []
    assert options.faults(Options()) == []
    # As the id, and as a field.
    assert options.faults(Options(member_id="E-Mail", fields={"email": "email"})) == []


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        (Options(member_id="Adresse", fields={"email": "adresse"}), "map.email"),
        (Options(member_id="Handy", fields={"phone": "$Handy", "email": "mail"}), "map.phone"),
        (Options(member_id="email", fields={"phone": "email"}), "map.phone"),
        (Options(fields={"email": "Kontakt", "phone": "kontakt"}), "map"),
    ],
)
def test_faults__of_a_column_that_cannot_fill_both__name_the_field(
    asked: Options, path: str
) -> None:
    assert [fault.path for fault in options.faults(asked)] == [path]


def test_faults__of_bad_values__name_each_of_them() -> None:
    bad = Options(
        member_id="",
        fields={"nose": "a", "email": "b", "phone": "b", "last_name": "x" * 1001},
        mapping={"a": "nose", "b": "member_id", "c": "member_id"},
        format="pdf",
        encoding="klingon",
        delimiter="x",
        sheet="",
    )
    found = options.faults(bad)
    assert all(type(fault) is Fault and fault.message for fault in found)
    assert [fault.path for fault in found] == [
        "format",
        "encoding",
        "delimiter",
        "member_id",
        "sheet",
        "map.nose",
        "map.last_name",
        "map",
        "mapping.a",
        "mapping",
    ]


def test_labels__of_all_encodings__are_known_to_python() -> None:
    for label in encodings.LABELS:
        name = encodings.codec(label)
        assert name is not None
        assert b"a".decode(name, "ignore") in ("a", "")
