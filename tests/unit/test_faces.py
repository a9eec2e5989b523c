"""The modules of ops, activations and random draws that users import are what the declarations say."""

from kerasfront.testing import faces


def test_the_faces_are_up_to_date(capsys):
    assert faces.main([]) == 0, capsys.readouterr().out + "Run `python -m kerasfront.testing.faces --write`."


def test_each_namespace_that_a_declaration_names_is_one():
    named = {space for _, _, spaces in faces.declared() for space in spaces}
    assert named == faces.NAMESPACES.keys()
