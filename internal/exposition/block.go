package exposition

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"math"
	"sync"
)

// sum is what has to be known of a text to end a gzip member that contains it.
// The sums of texts that follow each other can be added. The zero value is
// the sum of an empty text.
type sum struct {
	length   int64  // of the text, in bytes
	deflated int64  // of its deflated form, in bytes
	crc      uint32 // CRC-32 of the text
	shift    uint32 // x^(8·length) modulo the CRC's polynomial; not used if length is 0
}

// sumOf returns the sum of a text that is not deflated yet.
func sumOf(text []byte) sum {
	n := int64(len(text))
	return sum{length: n, crc: crc32.ChecksumIEEE(text), shift: shift(n)}
}

// add returns the sum of the text of s followed by that of t.
func (s sum) add(t sum) sum {
	switch {
	case s.length == 0:
		return sum{t.length, s.deflated + t.deflated, t.crc, t.shift}
	case t.length == 0:
		return sum{s.length, s.deflated + t.deflated, s.crc, s.shift}
	}
	return sum{
		length: s.length + t.length, deflated: s.deflated + t.deflated,
		crc: multiply(t.shift, s.crc) ^ t.crc, shift: multiply(t.shift, s.shift),
	}
}

// A CRC-32 is a polynomial over GF(2), modulo crc32.IEEE; the highest bit is
// the coefficient of x^0. The CRC of two texts is that of the first times
// x^(8·length of the second), plus that of the second. The inversions at the
// start and the end of each CRC cancel each other.

// multiply returns the product of two polynomials.
func multiply(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		product ^= b & -(a >> 31)
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return product
}

// shift returns x^(8·n).
func shift(n int64) uint32 {
	power, square := uint32(1)<<31, uint32(1)<<(31-8)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			power = multiply(power, square)
		}
		square = multiply(square, square)
	}
	return power
}

// block is a deflated text that can stand anywhere in a deflate stream: it
// refers to nothing before it, and a sync flush makes it end at a byte.
type block struct {
	data []byte
	sum
}

// deflater is used by one goroutine at a time.
type deflater struct {
	out bytes.Buffer
	w   *flate.Writer
}

// The fastest level costs a third of the default one, for 3 to 5 % more bytes.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // The level is valid.
	}
	return &deflater{w: w}
}}

// append adds the deflated text to out.
func (d *deflater) append(text []byte) {
	d.w.Reset(&d.out)
	// Writes to a buffer do not fail.
	_, _ = d.w.Write(text)
	_ = d.w.Flush()
}

// deflate returns a block of its own.
func deflate(text []byte) block {
	d := deflaters.Get().(*deflater)
	defer deflaters.Put(d)
	d.out.Reset()
	d.append(text)
	b := block{bytes.Clone(d.out.Bytes()), sumOf(text)}
	b.deflated = int64(len(b.data))
	return b
}

// store ends a deflate stream with the text as it is. For the few kilobytes of
// an answer that nobody has compressed yet that costs less than it saves. It
// appends to parts, which refer to the text, and adds to the sum.
func store(parts [][]byte, text []byte, before sum) ([][]byte, sum) {
	s := sumOf(text)
	for rest, last := text, false; !last; {
		n := min(len(rest), math.MaxUint16)
		last = n == len(rest)
		length := uint16(n)                                                                                      //nolint:gosec // It is at most that.
		header := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16([]byte{0}, length), ^length) // RFC 1951, section 3.2.4
		if last {
			header[0] = 1
		}
		parts = append(parts, header, rest[:n])
		s.deflated += int64(len(header) + n)
		rest = rest[n:]
	}
	return parts, before.add(s)
}
