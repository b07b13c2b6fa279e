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

var errTooLarge = fmt.Errorf("the file is larger than %d bytes, the most that is allowed", maxSize)

// Read returns the content of the regular file at path, which may be a
// symbolic link to one. Anything else could hang or never end and is refused
// unread, as is a file that [Parse] would refuse for its size. The error says
// the path.
func Read(path string) ([]byte, error) {
	data, err := read(path, os.Stat)
	if err != nil {
		var perr *fs.PathError
		if errors.As(err, &perr) {
			err = perr.Err // The path is in the message already.
		}
		return nil, fmt.Errorf("%s: the file cannot be read: %w", path, err)
	}
	return data, nil
}

func read(path string, stat func(path string) (fs.FileInfo, error)) ([]byte, error) {
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
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1)) // It may have grown, or not say its size, as those in /proc.
	if len(data) > maxSize {
		return nil, errTooLarge
	}
	return data, err
}

var irregular = map[fs.FileMode]string{fs.ModeDir: "a directory", fs.ModeNamedPipe: "a named pipe", fs.ModeSocket: "a socket"}

// readable says what keeps the file from being read; err is that of the call
// that returned info.
func readable(info fs.FileInfo, err error) error {
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("it must be a regular file, not %s", cmp.Or(irregular[info.Mode().Type()], "a device"))
	case info.Size() > maxSize:
		return errTooLarge
	default:
		return nil
	}
}
