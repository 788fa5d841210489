from __future__ import annotations

from twiml.places import Places

TEXT = """<?xml version="1.0"?>
<!-- <no/> --><a x='1 > 0'
   y = "<b>"><?pi <no/> ?>
  <![CDATA[<no/>]]><b:c é="1"/></a>"""


def test_elements_are_counted_in_document_order() -> None:
    """Comments, processing instructions and CDATA hold no elements."""
    places = Places(TEXT)
    assert places.element(0) == (2, 15)
    assert places.element(1) == (4, 20)


def test_an_attribute_is_found_in_its_tag() -> None:
    """An attribute's place is its name's, however the tag is broken and whatever values hold."""
    places = Places(TEXT)
    assert places.attribute(0, "x") == (2, 18)
    assert places.attribute(0, "y") == (3, 4)
    assert places.attribute(1, "é") == (4, 25)


def test_an_absent_attribute_has_the_place_of_the_tag() -> None:
    """What is missing from a tag is reported at the tag."""
    assert Places(TEXT).attribute(0, "z") == (2, 15)


def test_names_inside_values_are_no_attributes() -> None:
    """A value that looks like an attribute does not confuse the search."""
    assert Places("""<a b="url='x'" url="y"/>""").attribute(0, "url") == (1, 16)


def test_names_leave_out_the_declarations_of_namespaces() -> None:
    """What libxml2 counts as attributes is counted here too."""
    places = Places("<a xmlns='u' b='xmlns=1' xmlns:p='u' p:c = ''><d/></a>")
    assert places.names(0) == ["b", "p:c"]
    assert places.names(1) == []


def test_an_ogham_space_is_part_of_a_name() -> None:
    """XML has four blanks; this one, a blank to Unicode, is a letter to it."""
    places = Places("<a><\u1680/><b c\u1680='1'/></a>")
    assert places.element(1) == (1, 4)
    assert places.attribute(2, "c\u1680") == (1, 11)
    assert places.names(2) == ["c\u1680"]
