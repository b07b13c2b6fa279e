package fleet

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestParseShard(t *testing.T) {
	for text, want := range map[string]Shard{"": {}, "0/1": {0, 1}, "2/3": {2, 3}} {
		if got, err := ParseShard(text); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, wrong := range []string{"1", "3/3", "-1/3", "a/b", "0/0", "1/2/3", "/", "0/-1"} {
		if got, err := ParseShard(wrong); err == nil || got != (Shard{}) {
			t.Errorf("%q is taken for %v", wrong, got)
		}
	}
}

// accountIDs returns ids that follow each other, and random ones.
func accountIDs(n int) []string {
	random := rand.New(rand.NewPCG(1, 2))
	ids := make([]string, 0, n)
	for i := range n / 2 {
		ids = append(ids, strconv.Itoa(100000000001+i))
	}
	for len(ids) < n {
		ids = append(ids, fmt.Sprintf("%012d", random.Int64N(1e12)))
	}
	return ids
}

// owner returns the one shard of n that has the account, and fails when it is
// another number of them.
func owner(t *testing.T, account string, n int) int {
	t.Helper()
	found := -1
	for i := range n {
		if !(Shard{i, n}).Has(account) {
			continue
		}
		if found >= 0 {
			t.Fatalf("account %s is in shards %d and %d of %d", account, found, i, n)
		}
		found = i
	}
	if found < 0 {
		t.Fatalf("account %s is in none of %d shards", account, n)
	}
	return found
}

// TestShards checks of many numbers of shards that every account is in exactly
// one, that each has its share, and that one more shard only takes: at most
// 1/n of the accounts and 10 % of that, and for the chance that is in a sample.
func TestShards(t *testing.T) {
	ids := accountIDs(12000)
	if !(Shard{}).Has(ids[0]) || !(Shard{0, 1}).Has("") {
		t.Error("a single exporter does not have every account")
	}
	before := make([]int, len(ids)) // with one shard, the first has all
	for n := 2; n <= 10; n++ {
		share := make([]int, n)
		moved := 0
		for i, id := range ids {
			now := owner(t, id, n)
			share[now]++
			if now != before[i] {
				if moved++; now != n-1 {
					t.Fatalf("account %s moves from shard %d to %d, although the new one is %d", id, before[i], now, n-1)
				}
			}
			before[i] = now
		}
		even := float64(len(ids)) / float64(n)
		for i, got := range share {
			if float64(got) < 0.9*even || float64(got) > 1.1*even {
				t.Errorf("shard %d of %d has %d accounts, want %.0f and at most 10 %% more or less", i, n, got, even)
			}
		}
		if limit := 1.1 * float64(len(ids)) / float64(n); float64(moved) > limit || moved == 0 {
			t.Errorf("the shard that makes it %d moves %d of %d accounts, want at most %.0f", n, moved, len(ids), limit)
		}
	}
}

// TestShardsOfFewAccounts checks that chance leaves no shard of a small
// organization without work.
func TestShardsOfFewAccounts(t *testing.T) {
	for n := 2; n <= 5; n++ {
		share := map[int]int{}
		for _, id := range accountIDs(60) {
			share[owner(t, id, n)]++
		}
		if len(share) != n {
			t.Errorf("%d shards of 60 accounts: %v", n, share)
		}
	}
}

// TestShardsStay pins what must not change from version to version, or an
// upgrade of one shard after the other would read accounts twice or not at all.
func TestShardsStay(t *testing.T) {
	var got []int
	for _, id := range []string{"", "100000000001", "100000000002", "111122223333", "444455556666"} {
		got = append(got, owner(t, id, 7))
	}
	if want := "[3 1 2 3 5]"; fmt.Sprint(got) != want {
		t.Errorf("of 7 shards the accounts are in %v, want %s", got, want)
	}
}
