package inventory

// Tri is a yes-or-no fact that may be unknown, with Kleene's logic; its zero
// value is Unknown.
type Tri int8

// The three values of a Tri, in the order of Kleene's logic.
const (
	No Tri = iota - 1
	Unknown
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
func (t Tri) Not() Tri { return -t }

// And is Kleene's conjunction: one No decides, else one Unknown.
func (t Tri) And(u Tri) Tri { return min(t, u) }

// Or is Kleene's disjunction: one Yes decides, else one Unknown.
func (t Tri) Or(u Tri) Tri { return max(t, u) }

// String returns unknown, no or yes.
func (t Tri) String() string { return [...]string{"no", "unknown", "yes"}[t+1] }
