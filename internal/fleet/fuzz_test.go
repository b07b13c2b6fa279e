package fleet

import (
	"fmt"
	"testing"
)

// FuzzShard reads anything as --shard: what is accepted is a share, and the
// shares have each account once.
func FuzzShard(f *testing.F) {
	for _, seed := range []string{"", "0/1", "2/3", "3/3", "-1/2", "1/", "/", "0/0", "+0/2", "00/2", "1/2/3", "9/99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseShard(text)
		if err != nil {
			if s != (Shard{}) {
				t.Errorf("%q: %v with %v", text, s, err)
			}
			return
		}
		if text != "" && (s.Index < 0 || s.Index >= s.Count) {
			t.Fatalf("%q: %+v", text, s)
		}
		if again, err := ParseShard(fmt.Sprintf("%d/%d", s.Index, max(1, s.Count))); err != nil || again.Index != s.Index {
			t.Errorf("%q: %+v, then %+v, %v", text, s, again, err)
		}
		if s.Count > 100 {
			return // It would take its time.
		}
		owners := 0
		for i := range max(1, s.Count) {
			if (Shard{i, s.Count}).Has("111122223333") {
				owners++
			}
		}
		if owners != 1 {
			t.Errorf("%q: %d shards have the account", text, owners)
		}
	})
}
