package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/config"
	"github.com/cognito-ses-exporter/cognito-ses-exporter/rules"
)

// settings are a configuration and the rules that it names.
type settings struct {
	config *config.Config
	rules  *rules.Set
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
		if err != nil {
			return nil, err
		}
		set, err := loadRules(c, filepath.Dir(f.configFile))
		if err != nil {
			return nil, err
		}
		return &settings{config: c, rules: set}, nil
	}
}

// loadRules reads, compiles and tests the rules. Paths are relative to dir.
func loadRules(c *config.Config, dir string) (*rules.Set, error) {
	var files []rules.File
	if c.Rules.Builtin {
		files = rules.Builtin()
	}
	for _, pattern := range c.Rules.Files {
		path := pattern
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		names, err := filepath.Glob(path)
		if err == nil && len(names) == 0 {
			err = errors.New("there is no such file")
		}
		if err != nil {
			return nil, fmt.Errorf("rules.files: %s: %w", pattern, err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("rules.files: %w", err)
			}
			files = append(files, rules.File{Name: name, Data: data})
		}
	}
	o := rules.Options{Overrides: map[string]rules.Override{}}
	for id, override := range c.Rules.Overrides {
		o.Overrides[id] = rules.Override{Enabled: override.Enabled, Severity: override.Severity, Params: override.Params, Where: override.Where}
	}
	set, err := rules.Load(o, files...)
	if err != nil {
		return nil, err
	}
	return set, set.Test()
}
