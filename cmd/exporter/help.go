package main

import (
	"slices"
	"strings"
	"text/template"

	"github.com/prometheus/common/version"
)

// helpTemplate is what --help shows: of one command its flags, without one all
// flags of all commands. It is for kingpin, whose own shows those of a default
// command nowhere.
const helpTemplate = `{{define "synopsis"}}{{with .FlagSummary}} {{.}}{{end}}{{range .Args}} {{if not .Required}}[{{end}}<{{.Name}}>{{if .Value|IsCumulative}}...{{end}}{{if not .Required}}]{{end}}{{end}}{{end -}}

{{if .Context.SelectedCommand -}}
usage: {{.App.Name}} {{.Context.SelectedCommand}}{{template "synopsis" .Context.SelectedCommand}}

{{.Context.SelectedCommand.Help|Wrap 0}}
{{else -}}
usage: {{.App.Name}}{{template "synopsis" .App}} [<command>]

{{.App.Help|Wrap 0}}
{{end -}}
Flags:
{{.Context.Flags|FlagsToTwoColumns|FormatTwoColumns}}
{{- with .Context.Args}}
Args:
{{.|ArgsToTwoColumns|FormatTwoColumns}}
{{- end}}
{{- if not .Context.SelectedCommand}}
Commands:
{{- range .App.FlattenedCommands}}{{if ne .FullCommand "help"}}

{{.FullCommand}}{{template "synopsis" .}}
{{.Help|Wrap 2}}
{{- with .Flags|FlagsToTwoColumns}}
{{FormatTwoColumnsWithIndent . 4 2}}{{end}}
{{- end}}{{end}}
{{- end}}`

// manTemplate is the manual page, for --help-man. In kingpin's own, a version of
// several lines is in the title and texts are not escaped.
const manTemplate = `{{define "flags"}}{{range .Flags}}{{if not .Hidden}}.TP
\fB{{with .Short}}\-{{.|Char}}, {{end}}{{printf "--%s" .Name|Roff}}\fR{{if not .IsBoolFlag}}=\fI{{.FormatPlaceHolder|Roff}}\fR{{end}}
{{.Help|Roff}}
{{end}}{{end}}{{end -}}
.TH COGNITO-SES-EXPORTER 1 "" "cognito\-ses\-exporter {{Version|Roff}}"
.SH NAME
cognito\-ses\-exporter \- Prometheus exporter for the e\-mail senders of Amazon Cognito user pools
.SH SYNOPSIS
\fBcognito\-ses\-exporter\fR [\fIflags\fR] [\fIcommand\fR]
.SH DESCRIPTION
{{.App.Help|Roff}}
.SH OPTIONS
{{template "flags" .App}}.SH COMMANDS
{{range .App.FlattenedCommands}}{{if ne .FullCommand "help"}}.SS {{.FullCommand}}{{range .Args}} {{if not .Required}}[{{end}}\fI{{.Name|Roff}}\fR{{if not .Required}}]{{end}}{{end}}
{{.Help|Roff}}
{{template "flags" .}}{{end}}{{end}}`

// roff escapes a text for a manual page.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text // Or the line is a command.
	}
	return text
}

var helpFuncs = template.FuncMap{"Roff": roff, "Version": func() string { return version.Version }}

// completesCommand reports whether a shell asks what a command may be. Then the
// default command must not be taken for given, or kingpin names no other.
func completesCommand(args []string) bool {
	return len(args) > 0 && args[0] == "--completion-bash" &&
		!slices.ContainsFunc(args[1:], func(arg string) bool { return strings.HasPrefix(arg, "-") })
}
