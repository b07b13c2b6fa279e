package yamlfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxSize of a file in bytes is that of a Kubernetes ConfigMap.
const maxSize = 1 << 20

var errTooLarge = tooLarge(maxSize)

func tooLarge(size int64) error {
	return fmt.Errorf("the file is larger than %d bytes, the most that is allowed", size)
}

// Read returns the content of the regular file at path, which may be a
// symbolic link to one. Anything else could hang or never end and is refused
// unread, as is a file that [Parse] would refuse for its size. The error says
// the path.
func Read(path string) ([]byte, error) { return ReadUpTo(path, maxSize) }

// ReadUpTo is [Read] with another limit, in bytes, for what is not to be parsed
// by this package.
func ReadUpTo(path string, size int64) ([]byte, error) {
	data, err := read(path, os.Stat, size)
	if err != nil {
		var perr *fs.PathError
		if errors.As(err, &perr) {
			err = perr.Err // The path is in the message already.
		}
		return nil, fmt.Errorf("%s: the file cannot be read: %w", path, err)
	}
	return data, nil
}

func read(path string, stat func(path string) (fs.FileInfo, error), size int64) ([]byte, error) {
	readable := func(info fs.FileInfo, err error) error { return readable(info, err, size) }
	// Opening alone already changes the state of some devices.
	if err := readable(stat(path)); err != nil {
		return nil, err
	}
	// What is opened may no longer be what was looked at; opening a named pipe
	// must not wait for somebody to write to it.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // Nothing was written.
	if err := readable(f.Stat()); err != nil {
		return nil, err
	}
	return AllOf(f, size) // It may have grown, or not say its size, as those in /proc.
}

// AllOf returns all that a reader gives, unless it is more than the size.
func AllOf(r io.Reader, size int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, size+1))
	if int64(len(data)) > size {
		return nil, tooLarge(size)
	}
	return data, err
}

var irregular = map[fs.FileMode]string{fs.ModeDir: "a directory", fs.ModeNamedPipe: "a named pipe", fs.ModeSocket: "a socket"}

// readable says what keeps the file from being read; err is that of the call
// that returned info.
func readable(info fs.FileInfo, err error, size int64) error {
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("it must be a regular file, not %s", cmp.Or(irregular[info.Mode().Type()], "a device"))
	case info.Size() > size:
		return tooLarge(size)
	default:
		return nil
	}
}
