package exposition

import (
	"bytes"
	"compress/flate"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
)

func TestSum(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		texts := make([][]byte, r.IntN(6))
		var all, deflated []byte
		var sums []sum
		for i := range texts {
			texts[i] = make([]byte, r.IntN(3)*r.IntN(2000))
			for j := range texts[i] {
				texts[i][j] = byte(r.IntN(4))
			}
			b := deflate(texts[i])
			all, deflated, sums = append(all, texts[i]...), append(deflated, b.data...), append(sums, b.sum)
		}
		end := make([]byte, r.IntN(2)*r.IntN(200_000))
		parts, last := store(nil, end, sum{})
		all, deflated, sums = append(all, end...), append(deflated, bytes.Join(parts, nil)...), append(sums, last)
		// Adding up is associative: any split gives the same.
		split := r.IntN(len(sums) + 1)
		var left, right sum
		for i, s := range sums {
			if i < split {
				left = left.add(s)
			} else {
				right = right.add(s)
			}
		}
		s := left.add(right)
		if s.length != int64(len(all)) || s.deflated != int64(len(deflated)) || s.crc != crc32.ChecksumIEEE(all) {
			t.Fatalf("%+v, want %d, %d, %#x", s, len(all), len(deflated), crc32.ChecksumIEEE(all))
		}
		if s.length > 0 && s.shift != shift(s.length) {
			t.Fatalf("shift of %d is %#x, want %#x", s.length, s.shift, shift(s.length))
		}
		rest := bytes.NewReader(deflated)
		got, err := io.ReadAll(flate.NewReader(rest))
		if err != nil || !bytes.Equal(got, all) || rest.Len() > 0 {
			t.Fatalf("%v, %d bytes, want %d; %d are left", err, len(got), len(all), rest.Len())
		}
	}
}

// TestShift appends more bytes than a test can hold: CRCs of zeros.
func TestShift(t *testing.T) {
	zeros := make([]byte, 1<<20)
	crc := crc32.ChecksumIEEE(nil)
	one := sumOf(zeros)
	var s sum
	for range 1 << 8 {
		crc = crc32.Update(crc, crc32.IEEETable, zeros)
		s = s.add(one)
	}
	if s.crc != crc || s.shift != shift(1<<28) {
		t.Errorf("%#x, %#x, want %#x, %#x", s.crc, s.shift, crc, shift(1<<28))
	}
}
