package inventory

import "testing"

func TestTri(t *testing.T) {
	var zero Tri
	for _, tt := range []struct {
		got, want Tri
	}{
		{zero, Unknown},
		{Known(true), Yes},
		{Known(false), No},
		{Yes.Not(), No},
		{No.Not(), Yes},
		{Unknown.Not(), Unknown},
		{Yes.And(Yes), Yes},
		{Yes.And(No), No},
		{Yes.And(Unknown), Unknown},
		{No.And(Yes), No},
		{No.And(No), No},
		{No.And(Unknown), No},
		{Unknown.And(Yes), Unknown},
		{Unknown.And(No), No},
		{Unknown.And(Unknown), Unknown},
		{Yes.Or(Yes), Yes},
		{Yes.Or(No), Yes},
		{Yes.Or(Unknown), Yes},
		{No.Or(Yes), Yes},
		{No.Or(No), No},
		{No.Or(Unknown), Unknown},
		{Unknown.Or(Yes), Yes},
		{Unknown.Or(No), Unknown},
		{Unknown.Or(Unknown), Unknown},
	} {
		if tt.got != tt.want {
			t.Errorf("got %s, want %s", tt.got, tt.want)
		}
	}
	if Yes.String() != "yes" || No.String() != "no" || Unknown.String() != "unknown" {
		t.Errorf("%s %s %s", Yes, No, Unknown)
	}
}
