// Package httpserver is an HTTP server that clients cannot keep from its other
// clients: it bounds connections, requests and how long anyone may take, and
// always has room for some paths.
//
// It exists because a process that holds roles into every account must stay
// observable whatever its neighbours do. It must not know what is served.
package httpserver

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options configure a server.
type Options struct {
	// Connections is how many there may be at most. One more takes the place of
	// the one that has been idle longest, or without one, of the one whose
	// client has not read anything for longest.
	Connections int
	// Requests is how many may be answered at the same time; one more is
	// answered with status 503.
	Requests int
	// Always are the paths that do not count towards Requests.
	Always []string

	HeaderTimeout time.Duration // to read a request's header
	ReadTimeout   time.Duration // to read a request
	IdleTimeout   time.Duration // between two requests of a connection
	// WriteTimeout is how long a client may take to read a part of the answer of
	// 128 KiB; all of it may take AnswerTimeout.
	WriteTimeout, AnswerTimeout time.Duration
}

// Defaults returns options that suit scrapes of some ten megabytes on a slow
// line, for a process that may have so many open files.
func Defaults(files uint64) Options {
	return Options{
		Connections:   int(min(512, max(8, files/4))), //nolint:gosec // At most 512. Half of the rest is for requests to AWS.
		Requests:      32,
		HeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 30 * time.Second,
		WriteTimeout: 15 * time.Second, AnswerTimeout: 5 * time.Minute,
	}
}

// New returns a server of the handler.
func New(handler http.Handler, o Options) *http.Server {
	s := &server{options: o, handler: handler, slots: make(chan struct{}, o.Requests), connections: map[net.Conn]*connection{}}
	return &http.Server{
		Handler:           s,
		ReadHeaderTimeout: o.HeaderTimeout, ReadTimeout: o.ReadTimeout, IdleTimeout: o.IdleTimeout,
		MaxHeaderBytes: 64 << 10,
		ConnState:      s.changed,
		ConnContext:    func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
}

// Shutdown stops the server: it lets the requests under way end within the time,
// then closes what is left.
func Shutdown(s *http.Server, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return s.Close()
}

// connKey is the context's key of a request's connection, a net.Conn.
type connKey struct{}

type server struct {
	options Options
	handler http.Handler
	slots   chan struct{} // one for each request that counts

	mu          sync.Mutex // guards what follows, and the connections' fields
	connections map[net.Conn]*connection
}

// connection is what is known of an open connection.
type connection struct {
	active   bool      // a request is being answered
	progress time.Time // when it was opened, became idle, or its client last read something
}

// changed takes note of a connection's state, and makes room for a new one.
func (s *server) changed(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(s.connections, c)
		return
	}
	if s.connections[c] == nil {
		if state != http.StateNew {
			return // It was closed to make room.
		}
		s.makeRoom()
	}
	s.connections[c] = &connection{state == http.StateActive, time.Now()}
}

// makeRoom closes connections until there is room for one more. The caller
// holds the mutex.
func (s *server) makeRoom() {
	for len(s.connections) >= max(1, s.options.Connections) {
		var worst net.Conn
		for c, now := range s.connections {
			if w := s.connections[worst]; w == nil || w.active && !now.active || w.active == now.active && now.progress.Before(w.progress) {
				worst = c
			}
		}
		delete(s.connections, worst)
		go func() { _ = worst.Close() }() // TLS says goodbye, which may take time.
	}
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, _ := r.Context().Value(connKey{}).(net.Conn)
	bounded := &writer{ResponseWriter: w, server: s, conn: c, control: http.NewResponseController(w), end: time.Now().Add(s.options.AnswerTimeout)}
	if !slices.Contains(s.options.Always, r.URL.Path) {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			bounded.Header().Set("Retry-After", "1")
			http.Error(bounded, "Too many requests at the same time; try again.", http.StatusServiceUnavailable)
			return
		}
	}
	s.handler.ServeHTTP(bounded, r)
	bounded.extend() // For what is still in the buffers.
}

// writer gives a client time for each part of an answer, and for all of it.
type writer struct {
	http.ResponseWriter
	server  *server
	conn    net.Conn // nil without one
	control *http.ResponseController
	end     time.Time
}

const part = 128 << 10 // bytes

// Write implements [io.Writer].
func (w *writer) Write(p []byte) (n int, err error) {
	for {
		w.extend()
		written, err := w.ResponseWriter.Write(p[n:min(len(p), n+part)])
		n += written
		if err != nil || n >= len(p) {
			return n, err
		}
	}
}

// extend takes note that the client has read something, and gives it time to
// read more.
func (w *writer) extend() {
	now := time.Now()
	until := now.Add(w.server.options.WriteTimeout)
	if until.After(w.end) {
		until = w.end
	}
	_ = w.control.SetWriteDeadline(until) // A test's recorder has none.
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	if c := w.server.connections[w.conn]; c != nil {
		c.progress = now
	}
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
