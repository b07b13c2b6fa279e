package rules

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"

	"github.com/cognito-ses-exporter/cognito-ses-exporter/internal/yamlfile"
)

// The limits of an expression. A unit of cost is about what it takes to look
// at a fact; the built-in rules cost less than a hundred.
const (
	maxCharacters = 4096
	maxNodes      = 1000
	maxRegex      = 1000 // instructions
	// maxCost of a condition or message, in the worst case, which takes less
	// than a millisecond. What could cost more is refused when it is loaded.
	maxCost = 25_000
	// checkedCost is the worst case from which on the cost is also counted while
	// evaluating, which takes time itself, in case that the estimate is wrong.
	checkedCost = 2_500
)

// environments have the variable of each kind of rule.
var environments = func() map[ForEach]*cel.Env {
	envs := map[ForEach]*cel.Env{}
	for _, e := range ForEachs() {
		registry, err := types.NewRegistry()
		if err == nil {
			envs[e], err = cel.NewCustomEnv(
				cel.CustomTypeProvider(provider{registry}),
				cel.CustomTypeAdapter(registry),
				cel.StdLib(),
				ext.Strings(),
				cel.Variable(string(e), rootTypes[e].typ),
				cel.CrossTypeNumericComparisons(true),
				cel.DefaultUTCTimeZone(true),
				cel.ParserExpressionSizeLimit(maxCharacters),
				cel.ExpressionNodeLimit(maxNodes),
				cel.RegexProgramSizeLimit(maxRegex),
				cel.ASTValidators(cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), cel.ValidateRegexLiterals(), factValidator{}),
			)
		}
		if err != nil {
			panic(err) // It does not depend on any input.
		}
	}
	return envs
}()

// scope is what a rule's expressions may name.
type scope struct {
	*cel.Env
	about  ForEach
	params map[string]ref.Val // by what they are called in expressions
}

// newScope returns the scope of a rule about e with the params. They are
// constants to CEL, so that a rule pays nothing for having them.
func newScope(e ForEach, params []param) (scope, error) {
	s := scope{Env: environments[e], about: e, params: map[string]ref.Val{}}
	var options []cel.EnvOption
	for _, p := range params {
		s.params["params."+p.name] = p.value
		options = append(options, cel.Constant("params."+p.name, p.typ, p.value))
	}
	if options == nil {
		return s, nil
	}
	var err error
	s.Env, err = s.Extend(options...)
	return s, err
}

// compile turns the text into a program that yields a value of type want.
func (s scope) compile(p *yamlfile.Problems, what string, text *yamlfile.Node, want *cel.Type) cel.Program {
	if n := len([]rune(text.Text)); n > maxCharacters {
		p.Add(text.At(), "%s has %d characters; at most %d are allowed", what, n, maxCharacters)
		return nil
	}
	parsed, issues := s.Parse(text.Text)
	if issues.Err() == nil {
		var checked *cel.Ast
		if checked, issues = s.Check(parsed); issues.Err() == nil {
			return s.plan(p, what, text, checked, want)
		}
	}
	for _, e := range issues.Errors() {
		p.Add(text.Inside(e.Location.Line(), e.Location.Column()), "%s: %s%s", what, s.explain(e, parsed), caret(e, text.Text))
	}
	return nil
}

// plan makes a program of an expression that is correct by itself.
func (s scope) plan(p *yamlfile.Problems, what string, text *yamlfile.Node, checked *cel.Ast, want *cel.Type) cel.Program {
	if got := checked.OutputType(); !got.IsExactType(want) {
		p.Add(text.At(), "%s must be of type %s, not %s", what, want, got)
		return nil
	}
	estimate, err := s.EstimateCost(checked, sizes{s.params})
	if err != nil {
		p.Add(text.At(), "%s: %v", what, err)
		return nil
	}
	if estimate.Max > maxCost {
		p.Add(text.At(), "%s may cost up to %d units to evaluate; at most %d are allowed", what, estimate.Max, maxCost)
		return nil
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if estimate.Max > checkedCost {
		options = append(options, cel.CostLimit(maxCost))
	}
	program, err := s.Program(checked, options...)
	if err != nil {
		p.Add(text.At(), "%s: %v", what, err)
		return nil
	}
	return program
}

// explain returns CEL's message with what is allowed where CEL does not say it.
func (s scope) explain(e *cel.Error, parsed *cel.Ast) string {
	at := find(parsed, e.ExprID)
	if at == nil {
		return e.Message
	}
	switch {
	case strings.HasPrefix(e.Message, "undeclared reference to"):
		message, _, _ := strings.Cut(e.Message, " (in container")
		if at.Kind() == ast.CallKind {
			return message + "; there is no such function"
		}
		return message + "; allowed here: " + yamlfile.Join(append([]string{string(s.about)}, slices.Sorted(maps.Keys(s.params))...), "and")
	case strings.HasPrefix(e.Message, "undefined field") && at.Kind() == ast.SelectKind:
		if t := s.typeOf(at.AsSelect().Operand()); t != nil {
			return e.Message + "; " + t.path + " has " + yamlfile.Join(t.names(), "and")
		}
	case e.Message == "invalid matches argument":
		return e.Message + "; it must be a regular expression in RE2 syntax that is not too large"
	}
	return e.Message
}

// find returns the part of the expression with the id, nil without one.
func find(parsed *cel.Ast, id int64) ast.Expr {
	if parsed == nil {
		return nil
	}
	var found ast.Expr
	ast.PostOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.ID() == id {
			found = e
		}
	}))
	return found
}

// typeOf returns the type of an expression whose value has facts, else nil.
func (s scope) typeOf(e ast.Expr) *objectType {
	switch e.Kind() {
	case ast.IdentKind:
		if e.AsIdent() == string(s.about) {
			return rootTypes[s.about]
		}
	case ast.SelectKind:
		if t := s.typeOf(e.AsSelect().Operand()); t != nil {
			if i, ok := t.index[e.AsSelect().FieldName()]; ok {
				return t.facts[i].of
			}
		}
	default:
	}
	return nil
}

// caret shows where in the text the mistake is, below the line.
func caret(e *cel.Error, text string) string {
	_, lines, _ := strings.Cut(e.ToDisplayString(common.NewTextSource(text)), "\n")
	if lines == "" {
		return ""
	}
	return "\n" + lines
}

// factValidator refuses what CEL allows and could only fail or mislead.
type factValidator struct{}

func (factValidator) Name() string { return "facts" }

func (factValidator) Validate(_ *cel.Env, _ cel.ValidatorConfig, a *ast.AST, issues *cel.Issues) {
	ast.PostOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.StructKind:
			issues.ReportErrorAtID(e.ID(), "values of type %s cannot be made in an expression", e.AsStruct().TypeName())
		case ast.SelectKind:
			if sel := e.AsSelect(); sel.IsTestOnly() && a.GetType(sel.Operand().ID()).Kind() == types.MapKind {
				issues.ReportErrorAtID(e.ID(), `has() is true of every tag, since an absent one is ""; write %q in pool.tags`, sel.FieldName())
			}
		default:
		}
	}))
}

// sizes tells CEL how large values can be, to find an expression's worst case:
// params as they are, facts as large as AWS allows, or more.
type sizes struct{ params map[string]ref.Val }

// EstimateSize implements [cost.Estimator].
func (s sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	path := n.Path()
	if len(path) == 0 {
		return nil
	}
	most := 2048 // an ARN
	param, isParam := s.params[path[0]]
	switch {
	case isParam:
		most = size(param, len(path) > 1)
	case slices.Contains(path, "tags") && n.Type().Kind() == types.MapKind:
		most = 50
	case slices.Contains(path, "tags"):
		most = 256
	case slices.Contains(path, "blocked"), slices.Contains(path, "auto_verified"), slices.Contains(path, "recovery"):
		most = 32
	}
	estimate := cost.RangedSizeEstimate(0, uint64(most))
	return &estimate
}

// size is how large the param is or, if it is a list, any of its items.
func size(param ref.Val, item bool) int {
	largest := 1
	switch v := param.Value().(type) {
	case string:
		return len(v)
	case []ref.Val:
		if !item {
			return len(v)
		}
		for _, i := range v {
			largest = max(largest, size(i, false))
		}
	}
	return largest
}

// EstimateCallCost knows that numbers and times are short texts, which CEL does not.
func (sizes) EstimateCallCost(function, _ string, _ *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	if function != "string" || len(args) != 1 || args[0].Type().Kind() == types.StringKind || args[0].Type().Kind() == types.DynKind {
		return nil
	}
	short := cost.RangedSizeEstimate(0, 64)
	return cost.NewCallEstimate(cost.FixedCostEstimate(1), &short)
}
