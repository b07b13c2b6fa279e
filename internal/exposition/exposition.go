package exposition

import (
	"io"
	"slices"
)

// Exposition is the joined pieces of all owners. It is immutable. It shares
// pieces and chunks with the expositions before and after it.
type Exposition struct {
	families *Families
	chunks   []*chunk
	sums     []sum // of all samples, by family
}

// chunk holds pieces that follow each other, and the sums of their samples.
// It is immutable.
type chunk struct {
	pieces []*Piece
	sums   []sum // by family
}

// chunkSize is the number of pieces in a chunk. When a piece changes, those of
// its chunk are added and then all chunks, which costs least if both are about
// the root of the number of pieces, two thousand in a large installation.
const chunkSize = 48

// Join returns the exposition of the pieces, in their order. Scrapes are cheapest
// if pieces with samples of the same families follow each other. previous is the
// exposition before this one or nil; Join is cheap if most pieces are the same
// and have the same index as there. It does not keep the slice. It panics if a
// piece was built for families with other names or types.
func (fs *Families) Join(previous *Exposition, pieces []*Piece) *Exposition {
	for _, p := range pieces {
		if p.families != fs && p.families.key != fs.key {
			panic("exposition: a piece was built for other metric families")
		}
	}
	x := &Exposition{families: fs, sums: make([]sum, len(fs.list))}
	for group := range slices.Chunk(pieces, chunkSize) {
		var c *chunk
		if i := len(x.chunks); previous != nil && i < len(previous.chunks) && slices.Equal(previous.chunks[i].pieces, group) {
			c = previous.chunks[i]
		} else {
			c = newChunk(group, len(fs.list))
		}
		x.chunks = append(x.chunks, c)
		for f := range x.sums {
			x.sums[f] = x.sums[f].add(c.sums[f])
		}
	}
	return x
}

func newChunk(pieces []*Piece, families int) *chunk {
	c := &chunk{pieces: slices.Clone(pieces), sums: make([]sum, families)}
	for _, p := range pieces {
		for f := range c.sums {
			c.sums[f] = c.sums[f].add(p.sum(f))
		}
	}
	return c
}

// wanted returns the families that have samples and whose name keep accepts.
func (x *Exposition) wanted(keep func(name string) bool) []int {
	var all []int
	for f := range x.families.list {
		if x.sums[f].length > 0 && keep(x.families.list[f].Name) {
			all = append(all, f)
		}
	}
	return all
}

// sum returns the sum of the given families with their headers.
func (x *Exposition) sum(families []int, as format) sum {
	var s sum
	for _, f := range families {
		s = s.add(x.families.list[f].header[as].sum).add(x.sums[f])
	}
	return s
}

// stream reads head, then the deflated families with their headers, then tail.
type stream struct {
	x        *Exposition
	as       format
	head     []byte
	tail     [][]byte
	families []int // those to come; the first one may be in progress
	begun    bool  // the header of the first family is done
	chunk    int   // the next one of the first family
	piece    int   // the next one in that chunk
}

// fill sees to it that head has data, and returns false at the end.
func (s *stream) fill() bool {
	for len(s.head) == 0 && len(s.families) > 0 {
		f := s.families[0]
		switch {
		case !s.begun:
			s.head = s.x.families.list[f].header[s.as].data
			s.begun = true
		case s.chunk == len(s.x.chunks):
			s.families, s.begun, s.chunk = s.families[1:], false, 0
		case s.piece == len(s.x.chunks[s.chunk].pieces) || s.x.chunks[s.chunk].sums[f].length == 0:
			s.chunk, s.piece = s.chunk+1, 0
		default:
			s.head = s.x.chunks[s.chunk].pieces[s.piece].deflated(f)
			s.piece++
		}
	}
	for len(s.head) == 0 && len(s.tail) > 0 {
		s.head, s.tail = s.tail[0], s.tail[1:]
	}
	return len(s.head) > 0
}

// Read fills p if there is enough data, so that small pieces do not become
// small writes.
func (s *stream) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if !s.fill() {
			return n, io.EOF
		}
		copied := copy(p[n:], s.head)
		n, s.head = n+copied, s.head[copied:]
	}
	return n, nil
}

// ReadByte spares the inflater a buffer of its own.
func (s *stream) ReadByte() (byte, error) {
	if !s.fill() {
		return 0, io.EOF
	}
	b := s.head[0]
	s.head = s.head[1:]
	return b, nil
}
