package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"
)

// serveStatic serves a file that is compressed already, as cheaply as net/http
// can: what a scrape is compared with. It runs in a process of its own.
func serveStatic(ctx context.Context, file, address string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(body) // An error means that the client has gone.
	})
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // Serve's error tells.
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
