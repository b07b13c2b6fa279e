package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"
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
	params []string // as they are written in expressions
	values map[string]any
}

// newScope returns the scope of a rule about e with the params. They are
// constants to CEL, so that a rule pays nothing for having them.
func newScope(e ForEach, params map[string]param, order []string) (scope, error) {
	s := scope{Env: environments[e], about: e, values: map[string]any{}}
	var options []cel.EnvOption
	for _, name := range order {
		p, ok := params[name]
		if !ok {
			continue
		}
		s.params = append(s.params, "params."+name)
		s.values["params."+name] = p.value
		options = append(options, cel.Constant("params."+name, paramType(p.value), types.DefaultTypeAdapter.NativeToValue(p.value)))
	}
	if options == nil {
		return s, nil
	}
	var err error
	s.Env, err = s.Extend(options...)
	return s, err
}

func paramType(v any) *cel.Type {
	switch v.(type) {
	case int64:
		return cel.IntType
	case float64:
		return cel.DoubleType
	case bool:
		return cel.BoolType
	case []string:
		return cel.ListType(cel.StringType)
	case []int64:
		return cel.ListType(cel.IntType)
	case []float64:
		return cel.ListType(cel.DoubleType)
	case []bool:
		return cel.ListType(cel.BoolType)
	default:
		return cel.StringType
	}
}

// describe says in a user's words what may be written for a param like v.
func describe(v any) string {
	switch v.(type) {
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	case bool:
		return "true or false"
	case string:
		return "text"
	case []string:
		return "a list of text"
	case []int64:
		return "a list of whole numbers"
	case []float64:
		return "a list of numbers"
	default:
		return "a list of true or false"
	}
}

// compile turns the text into a program that yields a value of type want.
func (s scope) compile(p *problems, what string, text scalar, want *cel.Type) cel.Program {
	if n := len([]rune(text.value)); n > maxCharacters {
		p.add(text.at, "%s has %d characters; %d are the most that are allowed", what, n, maxCharacters)
		return nil
	}
	parsed, issues := s.Parse(text.value)
	if issues.Err() == nil {
		var checked *cel.Ast
		if checked, issues = s.Check(parsed); issues.Err() == nil {
			return s.plan(p, what, text, checked, want)
		}
	}
	for _, e := range issues.Errors() {
		p.add(text.inside(e.Location.Line(), e.Location.Column()), "%s: %s%s", what, s.explain(e, parsed), caret(e, text.value))
	}
	return nil
}

// plan makes a program of an expression that is correct by itself.
func (s scope) plan(p *problems, what string, text scalar, checked *cel.Ast, want *cel.Type) cel.Program {
	if got := checked.OutputType(); !got.IsExactType(want) {
		p.add(text.at, "%s must be of type %s, not %s", what, want, got)
		return nil
	}
	estimate, err := s.EstimateCost(checked, sizes{s.values})
	if err != nil {
		p.add(text.at, "%s: %v", what, err)
		return nil
	}
	if estimate.Max > maxCost {
		p.add(text.at, "%s may cost up to %d units to evaluate; %d are the most that are allowed", what, estimate.Max, maxCost)
		return nil
	}
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if estimate.Max > checkedCost {
		options = append(options, cel.CostLimit(maxCost))
	}
	program, err := s.Program(checked, options...)
	if err != nil {
		p.add(text.at, "%s: %v", what, err)
		return nil
	}
	return program
}

// explain returns CEL's message with what is allowed where CEL does not say it.
func (s scope) explain(e *cel.Error, parsed *cel.Ast) string {
	at := find(parsed, e.ExprID)
	switch {
	case at == nil:
	case strings.HasPrefix(e.Message, "undeclared reference to") && at.Kind() != ast.CallKind:
		message, _, _ := strings.Cut(e.Message, " (in container")
		return message + "; allowed here: " + strings.Join(append([]string{string(s.about)}, s.params...), ", ")
	case strings.HasPrefix(e.Message, "undeclared reference to"):
		message, _, _ := strings.Cut(e.Message, " (in container")
		return message + "; there is no such function"
	case strings.HasPrefix(e.Message, "undefined field") && at.Kind() == ast.SelectKind:
		if t := s.typeOf(at.AsSelect().Operand()); t != nil {
			return e.Message + "; " + t.path + " has " + list(t.names(), "and")
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
type sizes struct{ params map[string]any }

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
	case slices.Contains(path, "blocked"), slices.Contains(path, "auto_verified"):
		most = 32
	}
	estimate := cost.RangedSizeEstimate(0, uint64(most))
	return &estimate
}

// size is how large the param is or, if it is a list, any of its items.
func size(param any, item bool) int {
	switch v := param.(type) {
	case string:
		return len(v)
	case []string:
		if !item {
			return len(v)
		}
		longest := 0
		for _, s := range v {
			longest = max(longest, len(s))
		}
		return longest
	case []int64:
		return len(v)
	case []float64:
		return len(v)
	case []bool:
		return len(v)
	default:
		return 1
	}
}

// EstimateCallCost knows that numbers and times are short texts, which CEL does not.
func (sizes) EstimateCallCost(function, _ string, _ *cost.AstNode, args []cost.AstNode) *cost.CallEstimate {
	if function != "string" || len(args) != 1 || args[0].Type().Kind() == types.StringKind || args[0].Type().Kind() == types.DynKind {
		return nil
	}
	short := cost.RangedSizeEstimate(0, 64)
	return cost.NewCallEstimate(cost.FixedCostEstimate(1), &short)
}

// convert turns an override's value into one of the type of the param's own.
func convert(value, own any) (any, error) {
	var converted any
	var ok bool
	switch own.(type) {
	case int64:
		converted, ok = wholeNumber(value)
	case float64:
		converted, ok = anyNumber(value)
	case bool:
		converted, ok = value.(bool)
	case string:
		converted, ok = value.(string)
	case []int64:
		converted, ok = listOf(value, wholeNumber)
	case []float64:
		converted, ok = listOf(value, anyNumber)
	case []bool:
		converted, ok = listOf(value, func(v any) (bool, bool) { b, ok := v.(bool); return b, ok })
	case []string:
		converted, ok = listOf(value, func(v any) (string, bool) { s, ok := v.(string); return s, ok })
	}
	if !ok {
		return nil, fmt.Errorf("must be %s, not %s", describe(own), quote(fmt.Sprint(value)))
	}
	return converted, nil
}

func wholeNumber(value any) (int64, bool) {
	switch v := value.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	default:
		return 0, false
	}
}

func anyNumber(value any) (float64, bool) {
	if i, ok := wholeNumber(value); ok {
		return float64(i), true
	}
	f, ok := value.(float64)
	return f, ok && !math.IsNaN(f) && !math.IsInf(f, 0)
}

func listOf[T any](value any, item func(any) (T, bool)) ([]T, bool) {
	values, ok := value.([]any)
	list := make([]T, len(values))
	for i := 0; ok && i < len(values); i++ {
		list[i], ok = item(values[i])
	}
	return list, ok
}
