package main

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/printable"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/report"
)

// sink is a format, and where it goes.
type sink struct {
	format string
	file   string // empty for standard output
}

// parseOutputs reads the values of --output: FORMAT or FORMAT=FILE. Without any,
// it is a table.
func parseOutputs(values []string) ([]sink, error) {
	if len(values) == 0 {
		values = []string{"table"}
	}
	var outputs []sink
	for _, value := range values {
		format, file, hasFile := strings.Cut(value, "=")
		switch {
		case !slices.Contains(report.Formats(), format):
			return nil, fmt.Errorf("--output: unknown format %q; use %s", format, strings.Join(report.Formats(), ", "))
		case hasFile && file == "":
			return nil, fmt.Errorf("--output: %s= has no file; omit the = for standard output", format)
		case file == "-":
			file = ""
		}
		o := sink{format, file}
		for _, other := range outputs {
			switch {
			case o.file == "" && other.file == "":
				return nil, fmt.Errorf("--output: %s and %s both go to standard output; give one of them a file, such as %s=FILE", other.format, o.format, o.format)
			case o.file != "" && other.file != "" && sameFile(o.file, other.file):
				return nil, fmt.Errorf("--output: %s and %s both go to the file %s", other.format, o.format, o.file)
			}
		}
		outputs = append(outputs, o)
	}
	return outputs, nil
}

// sameFile reports whether two paths lead to the same file, which need not exist.
func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	if errA == nil && errB == nil {
		return os.SameFile(infoA, infoB)
	}
	return resolved(a) == resolved(b)
}

// resolved is the absolute path without symbolic links, as far as it exists.
func resolved(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if whole, err := filepath.EvalSymlinks(path); err == nil {
		return whole
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path))
	}
	return path
}

// writable checks what can be known of the outputs before anything is read.
func writable(outputs []sink) error {
	for _, o := range outputs {
		if o.file == "" {
			continue
		}
		if info, err := os.Stat(filepath.Dir(o.file)); err != nil || !info.IsDir() {
			return fmt.Errorf("--output: there is no directory %s for %s", filepath.Dir(o.file), o.file)
		}
		if info, err := os.Stat(o.file); err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("--output: %s is not a regular file; - is standard output", o.file)
		}
	}
	return nil
}

// writeOutputs writes the report to all outputs: first to new files beside those
// that are named, then to standard output; only when all of it is written do the
// new files replace the old ones. What formats had to leave out is told to note.
func writeOutputs(r *report.Report, outputs []sink, stdout io.Writer, note func(string)) (err error) {
	var printed []byte             // for standard output, which at most one is for
	written := map[string]string{} // the new file, by the old one's path
	defer func() {
		for _, name := range written {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	for _, o := range outputs {
		var b bytes.Buffer
		cut, err := r.Write(&b, o.format)
		if err != nil {
			return err
		}
		if cut != "" {
			note(fmt.Sprintf("left out of %s: %s", cmp.Or(o.file, o.format), cut))
		}
		if o.file == "" {
			printed = b.Bytes()
			continue
		}
		path := resolved(o.file) // A symbolic link stays one.
		name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
		if err := writeNew(name, path, printable.Lines(b.Bytes())); err != nil {
			return fmt.Errorf("--output: %w", err)
		}
		written[path] = name
	}
	if _, err := stdout.Write(printed); err != nil {
		return err
	}
	for path, name := range written {
		if err := os.Rename(name, path); err != nil {
			return fmt.Errorf("--output: %w", err)
		}
		delete(written, path)
	}
	return nil
}

// writeNew writes a file that must not exist, with the permissions of the one
// that it is to replace.
func writeNew(name, replaces string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // As with every file that a shell writes, the umask decides.
	if err != nil {
		return err
	}
	if info, statErr := os.Stat(replaces); statErr == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if err == nil {
		_, err = f.Write(data)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
