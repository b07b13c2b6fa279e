package inventory

// Tri is a yes-or-no fact that may be unknown; its zero value is Unknown.
type Tri int8

// The three values of a Tri.
const (
	Unknown Tri = iota
	No
	Yes
)

// Known turns a bool that AWS reported into a Tri.
func Known(b bool) Tri {
	if b {
		return Yes
	}
	return No
}

// Not is Kleene's negation: what is unknown stays unknown.
func (t Tri) Not() Tri {
	switch t {
	case No:
		return Yes
	case Yes:
		return No
	default:
		return Unknown
	}
}

// And is Kleene's conjunction: one No decides, else one Unknown.
func (t Tri) And(u Tri) Tri {
	switch {
	case t == No || u == No:
		return No
	case t == Yes && u == Yes:
		return Yes
	default:
		return Unknown
	}
}

// Or is Kleene's disjunction: one Yes decides, else one Unknown.
func (t Tri) Or(u Tri) Tri {
	return t.Not().And(u.Not()).Not()
}

// String returns unknown, no or yes.
func (t Tri) String() string {
	switch t {
	case No:
		return "no"
	case Yes:
		return "yes"
	default:
		return "unknown"
	}
}
