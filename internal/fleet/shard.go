package fleet

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Shard is one of several exporters that share the accounts. All of an account
// is in the same one, since a verdict can need several regions. The zero value
// has every account.
type Shard struct{ Index, Count int }

// ParseShard reads INDEX/COUNT. An empty string is every account.
func ParseShard(text string) (Shard, error) {
	if text == "" {
		return Shard{}, nil
	}
	index, count, _ := strings.Cut(text, "/")
	i, err1 := strconv.Atoi(index)
	n, err2 := strconv.Atoi(count)
	if err1 != nil || err2 != nil || n < 1 || i < 0 || i >= n {
		return Shard{}, fmt.Errorf("--shard must be INDEX/COUNT with an index from 0 to COUNT-1, such as 0/3, not %q", text)
	}
	return Shard{i, n}, nil
}

// Has reports whether the account is in the shard. Each shard finds out by
// itself: by rendezvous hashing the account is in the one that weighs most for
// it, so that one more shard takes its share from all of them, and no other
// account moves.
func (s Shard) Has(account string) bool {
	if s.Count <= 1 {
		return true
	}
	own := weight(account, s.Index)
	for i := range s.Count {
		if w := weight(account, i); w > own || w == own && i < s.Index {
			return false
		}
	}
	return true
}

// weight is the same in every process and version.
func weight(account string, shard int) uint64 {
	sum := sha256.Sum256([]byte(account + "/" + strconv.Itoa(shard)))
	return binary.BigEndian.Uint64(sum[:])
}
