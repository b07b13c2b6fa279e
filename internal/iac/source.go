package iac

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// maxSources is how many files of a configuration are looked at.
const maxSources = 1000

// Locate has the user pools of a plan of Terraform be where the configuration in
// the directory writes them: at the block of the resource, or at the module's
// where that is from elsewhere. Those that are not found there stay where they
// are in the plan. Other documents say themselves where they are written.
func (d *Document) Locate(dir string) {
	if d.terraform != nil {
		d.terraform.sources = &sources{root: dir, blocks: map[string]map[string]place{}}
	}
}

// place is where a block begins.
type place struct {
	file string
	line int // from 1
}

// sources are the files of a configuration, read when they are needed.
type sources struct {
	root   string
	read   int
	blocks map[string]map[string]place // by directory, then by TYPE.NAME or module.NAME
}

// The beginnings of blocks, which terraform fmt writes so.
var blockBegins = regexp.MustCompile(`^\s*(?:resource\s+"([^"]+)"|(module))\s+"([^"]+)"`)

// in returns the blocks of the files in a directory.
func (s *sources) in(dir string) map[string]place {
	if found, ok := s.blocks[dir]; ok {
		return found
	}
	found := map[string]place{}
	s.blocks[dir] = found
	files, _ := filepath.Glob(filepath.Join(dir, "*.tf")) // Its only error is a bad pattern: then nothing is found.
	slices.Sort(files)
	for _, file := range files {
		if s.read++; s.read > maxSources {
			break
		}
		data, err := yamlfile.Read(file)
		if err != nil {
			continue
		}
		n := 0
		for line := range bytes.Lines(data) {
			n++
			if m := blockBegins.FindSubmatch(line); m != nil {
				key := string(m[1]) + string(m[2]) + "." + string(m[3])
				if _, ok := found[key]; !ok {
					found[key] = place{file, n}
				}
			}
		}
	}
	return found
}

// locate returns where a resource is written; ok is false if that is not known.
func (s *sources) locate(t *tfPlan, c *tfjson.ResourceChange) (at place, ok bool) {
	dir, module := s.root, t.module("")
	for _, name := range moduleNames(c.ModuleAddress) {
		call := module.ModuleCalls[name]
		if call == nil || call.Module == nil {
			return at, ok
		}
		if !strings.HasPrefix(call.Source, "./") && !strings.HasPrefix(call.Source, "../") {
			at, ok = s.in(dir)["module."+name]
			return at, ok
		}
		dir, module = filepath.Join(dir, filepath.FromSlash(call.Source)), call.Module
	}
	at, ok = s.in(dir)[c.Type+"."+c.Name]
	return at, ok
}
