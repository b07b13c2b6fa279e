package exposition

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// benchFamilies returns 50 families. An owner has twelve samples for each pool
// in the first ten, and three samples in each of the others.
func benchFamilies(b *testing.B) *Families {
	list := make([]Family, 50)
	for i := range list {
		list[i] = Family{Name: fmt.Sprintf("bench_family_%d", i), Help: "A family of the benchmark, with some words about where its values come from.", Labels: []string{"account_id", "region", "user_pool_id"}}
		switch {
		case i == 0:
			list[i].Labels = append(list[i].Labels, "pool_name", "account_name", "tier", "identity")
		case i == 1:
			list[i].Labels = append(list[i].Labels, "mode")
		case i >= 10:
			list[i].Labels = list[i].Labels[:2]
		}
	}
	return families(b, list...)
}

func benchSamples(owner, pools int) func(int, Emit) {
	r := rand.New(rand.NewPCG(uint64(owner), 0))
	account := fmt.Sprintf("%012d", owner)
	ids := make([]string, pools)
	for i := range ids {
		ids[i] = fmt.Sprintf("eu-west-1_%09X", r.Uint64()>>28)
	}
	return func(family int, emit Emit) {
		if family >= 10 {
			for _, region := range []string{"eu-central-1", "eu-west-1", "us-east-1"} {
				emit(float64(r.IntN(1000)), account, region)
			}
			return
		}
		for i, id := range ids {
			switch family {
			case 0:
				emit(1, account, "eu-west-1", id, fmt.Sprintf("service-%d-users", i), "account-"+account, "ESSENTIALS", fmt.Sprintf("no-reply@mail%d.example.com", i%5))
			case 1:
				for j, mode := range []string{"COGNITO_DEFAULT", "DEVELOPER", "UNKNOWN"} {
					emit(float64(max(0, 1-j)), account, "eu-west-1", id, mode)
				}
			case 2:
				emit(1.7e9+float64(r.IntN(1e8))/1000, account, "eu-west-1", id)
			case 3:
				emit(float64(r.IntN(50_000)), account, "eu-west-1", id)
			default:
				emit(float64(r.IntN(2)), account, "eu-west-1", id)
			}
		}
	}
}

func benchPieces(b *testing.B, fs *Families, owners, pools int) []*Piece {
	pieces := make([]*Piece, owners)
	for i := range pieces {
		var err error
		if pieces[i], err = fs.Build(benchSamples(i, pools)); err != nil {
			b.Fatal(err)
		}
	}
	return pieces
}

// BenchmarkBuild renders and deflates a piece of 200 pools with 12 series
// each, and 120 more.
func BenchmarkBuild(b *testing.B) {
	fs := benchFamilies(b)
	samples := benchSamples(1, 200)
	b.ReportAllocs()
	var p *Piece
	for b.Loop() {
		p, _ = fs.Build(samples)
	}
	b.ReportMetric(float64(len(p.data)), "bytes/piece")
}

// BenchmarkJoin joins 1,812 pieces of 55 pools and 50 families, 1.4 million
// series: from nothing, and after a change of one piece.
func BenchmarkJoin(b *testing.B) {
	fs := benchFamilies(b)
	pieces := benchPieces(b, fs, 1812, 55)
	x := fs.Join(nil, pieces)
	other := benchPieces(b, fs, 1, 55)[0]
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			fs.Join(nil, pieces)
		}
	})
	b.Run("swap", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			pieces[900], other = other, pieces[900]
			x = fs.Join(x, pieces)
		}
	})
}

// BenchmarkScrape is the time of a request over a TCP connection, client
// included, and beside it that of the same bytes as a static file.
func BenchmarkScrape(b *testing.B) {
	own := prometheus.NewRegistry()
	own.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, size := range []struct {
		name          string
		owners, pools int
	}{{"100k", 150, 47}, {"1.2M", 1812, 46}} {
		fs := benchFamilies(b)
		x := fs.Join(nil, benchPieces(b, fs, size.owners, size.pools))
		h := Handler(func() *Exposition { return x }, nil, own, nil)
		for _, encoding := range []string{"gzip", "identity"} {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
			r.Header.Set("Accept-Encoding", encoding)
			recorder := httptest.NewRecorder()
			h.ServeHTTP(recorder, r)
			file := recorder.Body.Bytes()
			static := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", recorder.Header().Get("Content-Type"))
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
			})
			b.Run(size.name+"/"+encoding+"/pieces", func(b *testing.B) { benchRequests(b, h, encoding, len(file)) })
			b.Run(size.name+"/"+encoding+"/static", func(b *testing.B) { benchRequests(b, static, encoding, len(file)) })
		}
	}
}

func benchRequests(b *testing.B, h http.Handler, encoding string, size int) {
	server := httptest.NewServer(h)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, ReadBufferSize: 1 << 16}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", encoding)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		answer, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			b.Fatal(err)
		}
		_ = answer.Body.Close()
	}
}
