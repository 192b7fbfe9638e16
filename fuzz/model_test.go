package fuzz_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portcullis-authz/portcullis/acl"
	"github.com/portcullis-authz/portcullis/internal/cases"
	"github.com/portcullis-authz/portcullis/internal/refmodel"
	"github.com/portcullis-authz/portcullis/resource"
	"github.com/portcullis-authz/portcullis/snapshot"
)

// modelFamilies are replayed against the reference model too: it is only worth
// something if it answers as Kafka did where Kafka was asked.
var modelFamilies = []family{
	{"authorize", plain(replayAuthorizeModel), 419, 2 * 21108, 0},
	{"authorize_by_resource_type", plain(replayByTypeModel), 300, 2 * 7500, 0},
	{"filter", plain(replayFilterModel), 1000, 7601, 0},
	{"x500", plain(replayX500Model), 220, 220, 0},
	{"principal_serde", plain(replayWireModel), 212, 352, 0},
	{"kerberos", plain(replayKerberosModel), 631, 4383, 0},
}

func TestModelConformance(t *testing.T) {
	files, err := vectorFiles("testdata")
	require.NoError(t, err)
	for _, f := range modelFamilies {
		t.Run(f.name, func(t *testing.T) {
			rows, r := replayFiles(t, f, files[f.name])
			if rows != f.rows || r.checks != f.checks {
				t.Errorf("%s: %d rows and %d checks, expected %d and %d", f.name, rows, r.checks, f.rows, f.checks)
			}
		})
	}
}

func (w world) model(semantics snapshot.Semantics) (*refmodel.World, error) {
	return &refmodel.World{
		Exact:        semantics == snapshot.KafkaExact,
		Networks:     semantics == snapshot.KafkaExact && w.networks(),
		SuperUsers:   w.SuperUsers,
		AllowIfNoACL: w.AllowEveryoneIfNoAclFound,
		Loading:      w.LoadingComplete != nil && !*w.LoadingComplete,
		ACLs:         cases.Bindings(w.ACLs),
	}, nil
}

// verdictOf spells an answer of the model as the rows do.
func verdictOf(a refmodel.Answer) string {
	switch {
	case a.Allowed():
		return "ALLOWED"
	case a.Rule == refmodel.NotReady:
		return "NOT_READY"
	default:
		return "DENIED"
	}
}

// ruleNames are Kafka's names for the rules.
var ruleNames = map[refmodel.Rule]string{
	refmodel.SuperUser:     "SuperUser",
	refmodel.DefaultAllow:  "DefaultAllow",
	refmodel.DefaultDeny:   "DefaultDeny",
	refmodel.MatchingAllow: "MatchingAcl",
	refmodel.MatchingDeny:  "MatchingAcl",
}

func replayAuthorizeModel(row []byte) (checks int, mismatches []string, err error) {
	var r authorizeRow
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	return underBoth(r.model, r.Checks, func(model *refmodel.World, semantics snapshot.Semantics, c authorizeCheck) (mismatches []string) {
		want := c.want(semantics)
		if want == "" {
			return nil // the question is refused before anybody is asked
		}
		a := model.Check(refmodel.Subject(c.subject()), refmodel.Request{Operation: c.Operation, Type: c.ResourceType, Name: c.Name})
		if got := verdictOf(a); got != want {
			mismatches = mismatch("%+v: the model says %v, want %s", c, a, want)
		}
		if a.Fallback && (c.Result == "ALLOWED" || c.Result == "DENIED") {
			mismatches = append(mismatches, fmt.Sprintf("the model says that Kafka does not answer %+v", c))
		}
		if semantics == snapshot.KafkaExact && want == c.Result {
			mismatches = append(mismatches, c.compareModel(a, model.ACLs)...)
		}
		return mismatches
	})
}

// compareModel is compareRule for an answer of the model.
func (c authorizeCheck) compareModel(a refmodel.Answer, acls []acl.Binding) []string {
	if got := ruleNames[a.Rule]; got != c.Rule {
		return mismatch("%+v: the model has the rule %s", c, got)
	}
	if (a.ACL != nil) != (c.ACLIndex != nil) || a.ACL != nil && *a.ACL != acls[*c.ACLIndex] {
		return mismatch("%+v: the model names %v", c, a.ACL)
	}
	return nil
}

func replayByTypeModel(row []byte) (checks int, mismatches []string, err error) {
	var r byTypeRow
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	return underBoth(r.model, r.Checks, func(model *refmodel.World, semantics snapshot.Semantics, c byTypeCheck) []string {
		want := c.want(semantics)
		if want == "" {
			want = "DENIED" // the model denies what Kafka refuses to be asked
		}
		a := model.CheckAny(refmodel.Subject(c.subject()), c.Operation, c.ResourceType)
		if got := verdictOf(a); got != want {
			return mismatch("%+v: the model says %v, want %s", c, a, want)
		}
		return nil
	})
}

func replayFilterModel(row []byte) (checks int, mismatches []string, err error) {
	var r filterCase
	if err := decodeStrict(row, &r); err != nil {
		return 0, nil, err
	}
	f := r.Filter.filter()
	for i, b := range cases.Bindings(r.ACLs) {
		checks++
		if got, want := refmodel.Selects(f, b), slices.Contains(r.Matches, i); got != want {
			mismatches = append(mismatches, fmt.Sprintf("%v on %v: the model says %t, want %t", f, b, got, want))
		}
		if b.Pattern.PatternType == resource.PatternUnknown && refmodel.Selects(acl.FilterOf(b), b) != acl.FilterOf(b).Matches(b) {
			mismatches = append(mismatches, fmt.Sprintf("the filter of %v selects it or not", b))
		}
	}
	return checks, mismatches, nil
}
