package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/fleet"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// settings are a configuration and the rules that it names.
type settings struct {
	config *config.Config
	rules  *rules.Set
	shard  fleet.Shard
}

// loader returns the function that reads the current settings.
func loader(f *flags) func() (*settings, error) {
	return func() (*settings, error) {
		var c *config.Config
		var err error
		switch {
		case f.demo:
			c, err = loadDemo()
		case f.configFile == "":
			c = config.Default()
		default:
			c, err = config.Load(f.configFile)
		}
		dir := filepath.Dir(f.configFile)
		if err != nil {
			var invalid *config.Invalid
			if errors.As(err, &invalid) { // The mistakes of the rule files are reported with it.
				_, rulesErr := loadRules(&invalid.Rules, dir)
				err = errors.Join(err, rulesErr)
			}
			return nil, err
		}
		set, err := loadRules(&c.Rules, dir)
		if err != nil {
			return nil, err
		}
		return &settings{config: c, rules: set, shard: f.shard}, nil
	}
}

// loadRules reads, compiles and tests the rules. Paths are relative to dir.
func loadRules(r *config.Rules, dir string) (*rules.Set, error) {
	var files []rules.File
	if r.Builtin {
		files = rules.Builtin()
	}
	var errs []error
	for _, pattern := range r.Files {
		path := pattern
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		names, err := filepath.Glob(path)
		if err == nil && len(names) == 0 {
			err = errors.New("there is no such file")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("rules.files: %s: %w", pattern, err))
		}
		for _, name := range names {
			data, err := yamlfile.Read(name)
			if err != nil {
				errs = append(errs, fmt.Errorf("rules.files: %w", err))
				continue
			}
			files = append(files, rules.File{Name: name, Data: data})
		}
	}
	set, err := rules.Load(rules.Options{Overrides: r.Overrides}, files...)
	if err == nil {
		err = set.Test()
	}
	return set, errors.Join(append(errs, err)...)
}
