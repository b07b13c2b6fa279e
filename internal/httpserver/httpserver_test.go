package httpserver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network is a listener of connections in memory, which hold nothing: a write
// waits until it is read. So it belongs to a bubble and its clock.
type network struct {
	accept chan net.Conn
	closed chan struct{}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.accept:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	select {
	case <-n.closed:
	default:
		close(n.closed)
	}
	return nil
}

func (n *network) Addr() net.Addr { return &net.TCPAddr{} }

// size is how long the answer of /large is.
const size = 1 << 20

// inBubble runs a test with a server that answers at once, at length on /large
// and at /slow after a minute.
func inBubble(t *testing.T, o Options, test func(t *testing.T, n *network, s *http.Server)) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{make(chan net.Conn), make(chan struct{})}
		mux := http.NewServeMux()
		mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
		mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			_, _ = w.Write(bytes.Repeat([]byte{'x'}, size))
		})
		mux.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) })
		s := New(mux, o)
		ended := make(chan error)
		go func() { ended <- s.Serve(n) }()
		test(t, n, s)
		_ = Shutdown(s, time.Second)
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
		time.Sleep(time.Hour) // What it closes may take its time.
	})
}

// client is the other end of a connection.
type client struct {
	net.Conn
	in *bufio.Reader
}

func (n *network) dial() *client {
	own, other := net.Pipe()
	n.accept <- other
	synctest.Wait()
	return &client{own, bufio.NewReader(own)}
}

// send sends a request, whose answer may be left unread.
func (c *client) send(path string) {
	_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
	synctest.Wait()
}

// get returns the status of the answer, 0 without one, and the length of its body.
func (c *client) get(path string) (status, length int) {
	c.send(path)
	return c.answer()
}

func (c *client) answer() (status, length int) {
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, 0
	}
	body, _ := io.ReadAll(r.Body)
	_ = r.Body.Close()
	return r.StatusCode, len(body)
}

// open reports whether the server has the connection open still.
func (c *client) open() bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.in.Peek(1)
	var timeout net.Error
	return err == nil || errors.As(err, &timeout) && timeout.Timeout()
}

func options() Options {
	return Options{
		Connections: 4, Requests: 2, Always: []string{"/large"},
		HeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second,
		WriteTimeout: 15 * time.Second, AnswerTimeout: 5 * time.Minute,
	}
}

// TestIdleConnectionsMakeWay opens one connection after the other, each of which
// is answered and stays.
func TestIdleConnectionsMakeWay(t *testing.T) {
	inBubble(t, options(), func(t *testing.T, n *network, _ *http.Server) {
		var all []*client
		for i := range 10 {
			c := n.dial()
			if status, _ := c.get("/"); status != http.StatusOK {
				t.Fatalf("connection %d: status %d", i, status)
			}
			all = append(all, c)
			time.Sleep(time.Second)
		}
		all[6].get("/") // Now it is no longer the one that has been idle longest.
		n.dial().get("/")
		for i, c := range all {
			if want := i == 6 || i > 7; c.open() != want {
				t.Errorf("connection %d is open: %v", i, !want)
			}
		}
		time.Sleep(31 * time.Second)
		if all[9].open() {
			t.Error("a connection is open after it was idle for 31 seconds")
		}
	})
}

// TestRequestsUnderWayStay checks that a connection that is idle or new makes
// way before one with a request under way, and of these the one whose client
// does not read.
func TestRequestsUnderWayStay(t *testing.T) {
	inBubble(t, options(), func(t *testing.T, n *network, _ *http.Server) {
		slow, stuck, idle := n.dial(), n.dial(), n.dial()
		slow.send("/slow")
		time.Sleep(time.Second)
		stuck.send("/large")
		idle.get("/")
		time.Sleep(time.Second)
		silent := n.dial() // It sends nothing.
		for i, tt := range []struct {
			gone  *client
			stays []*client
		}{{idle, []*client{silent, slow}}, {silent, []*client{slow}}} {
			time.Sleep(time.Second)
			c := n.dial()
			if status, length := c.get("/large"); status != http.StatusOK || length != size {
				t.Errorf("%d: status %d, %d bytes", i, status, length)
			}
			c.send("/large") // It stays active.
			if tt.gone.open() {
				t.Errorf("%d: the connection that is idle is open", i)
			}
			for _, stays := range tt.stays {
				if !stays.open() {
					t.Errorf("%d: another connection was closed", i)
				}
			}
		}
		time.Sleep(time.Second)
		last := n.dial()
		if status, _ := last.get("/large"); status != http.StatusOK || slow.open() {
			t.Errorf("status %d; the connection without progress for longest is open: %v", status, slow.open())
		}
	})
}

// TestClientsThatDoNotRead asks for a long answer and leaves it unread.
func TestClientsThatDoNotRead(t *testing.T) {
	o := options()
	o.Connections = 100
	inBubble(t, o, func(t *testing.T, n *network, _ *http.Server) {
		var all []*client
		for range 60 {
			c := n.dial()
			c.send("/large")
			all = append(all, c)
		}
		if status, length := n.dial().get("/large"); status != http.StatusOK || length != size {
			t.Errorf("beside them: status %d, %d bytes", status, length)
		}
		time.Sleep(16 * time.Second)
		for i, c := range all {
			if _, length := c.answer(); length == size {
				t.Fatalf("client %d got all of the answer", i)
			}
		}
	})
}

// TestSlowLine reads an answer in parts, each in time: all of it may take longer
// than one of them may, but not forever.
func TestSlowLine(t *testing.T) {
	o := options()
	o.AnswerTimeout = time.Minute
	for pause, whole := range map[time.Duration]bool{5 * time.Second: true, 10 * time.Second: false, 16 * time.Second: false} {
		inBubble(t, o, func(t *testing.T, n *network, _ *http.Server) {
			c := n.dial()
			c.send("/large")
			got, err := 0, error(nil)
			for buffer := make([]byte, part); err == nil && got < size; {
				var m int
				m, err = io.ReadFull(c, buffer)
				got += m
				time.Sleep(pause)
			}
			if (got >= size) != whole {
				t.Errorf("%s between the parts: %d bytes of %d", pause, got, size)
			}
		})
	}
}

// TestSlowHeader sends half of a request.
func TestSlowHeader(t *testing.T) {
	inBubble(t, options(), func(t *testing.T, n *network, _ *http.Server) {
		c := n.dial()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHo")
		time.Sleep(9 * time.Second)
		if !c.open() {
			t.Error("closed after 9 seconds")
		}
		time.Sleep(2 * time.Second)
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := io.ReadAll(c.in); err != nil {
			t.Errorf("after 11 seconds: %v", err)
		}
	})
}

// TestTooManyRequests has as many requests under way as there may be.
func TestTooManyRequests(t *testing.T) {
	o := options()
	o.Connections = 10
	inBubble(t, o, func(t *testing.T, n *network, _ *http.Server) {
		first, second := n.dial(), n.dial()
		first.send("/slow")
		second.send("/slow")
		third := n.dial()
		third.send("/")
		r, err := http.ReadResponse(third.in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") != "1" || !strings.Contains(string(body), "try again") {
			t.Errorf("status %d, %v: %s", r.StatusCode, r.Header, body)
		}
		if status, _ := third.get("/large"); status != http.StatusOK {
			t.Errorf("what always has room: status %d", status)
		}
		time.Sleep(time.Minute)
		if status, _ := first.answer(); status != http.StatusOK {
			t.Errorf("the first request: status %d", status)
		}
		if status, _ := n.dial().get("/"); status != http.StatusOK {
			t.Errorf("afterwards: status %d", status)
		}
		second.answer()
	})
}

// TestShutdown waits for requests, but not for clients that do not read.
func TestShutdown(t *testing.T) {
	inBubble(t, options(), func(t *testing.T, n *network, s *http.Server) {
		good, bad := n.dial(), n.dial()
		good.send("/large")
		bad.send("/large")
		var length atomic.Int64
		go func() {
			time.Sleep(time.Second)
			_, got := good.answer()
			length.Store(int64(got))
		}()
		start := time.Now()
		if err := Shutdown(s, 5*time.Second); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %s", took)
		}
		if length.Load() != size {
			t.Errorf("the client that reads got %d bytes of %d", length.Load(), size)
		}
	})
}

func TestDefaults(t *testing.T) {
	for files, want := range map[uint64]int{16: 8, 64: 16, 1024: 256, 1 << 20: 512, 1<<64 - 1: 512} {
		if got := Defaults(files).Connections; got != want {
			t.Errorf("%d open files: %d connections, want %d", files, got, want)
		}
	}
	if OpenFiles() < 16 {
		t.Errorf("%d open files", OpenFiles())
	}
}
