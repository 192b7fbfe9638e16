package audit

import "github.com/portcullis-authz/portcullis/internal/lines"

var (
	requiredKeys = []string{"principal", "host", "operation", "resourceType", "name"}
	optionalKeys = []string{"groups", "allowed", "reason", "byType", "time", "request", "clientId", "correlationId",
		"references", "generation", "acl", "roles"}
)

// textFields are the keys whose values are parsed by a traceField.
var textFields = map[string]traceField{
	"principal": principalField, "host": hostField, "operation": operationField, "resourceType": typeField, "reason": reasonField,
}

// parseJSON parses a line of TraceJSON.
func parseJSON(text string) (Record, *lines.Problem) {
	j := lines.NewJSON(text, 0)
	r := Record{Allowed: true}
	readText := func(f traceField) *lines.Problem {
		value, offset, wrong := j.String()
		if wrong == nil {
			wrong = f.read(&r, value, offset)
		}
		return wrong
	}
	nameAt := 0
	wrong := j.Object(requiredKeys, optionalKeys, func(key string) (wrong *lines.Problem) {
		if f, ok := textFields[key]; ok {
			return readText(f)
		}
		switch key {
		case "name":
			r.Request.Name, nameAt, wrong = j.String()
		case "groups":
			wrong = j.Array(func() *lines.Problem { return readText(groupField) })
		case "allowed":
			r.Allowed, wrong = j.Bool()
		case "byType":
			r.ByType, wrong = j.Bool()
		default:
			wrong = j.Skip()
		}
		return wrong
	})
	if wrong == nil {
		wrong = j.End()
	}
	if wrong == nil && r.ByType && r.Request.Name != "" {
		wrong = &lines.Problem{Offset: nameAt, Found: "a name", Expected: `"", because "byType" is true`}
	}
	return r, wrong
}
