package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portcullis-authz/portcullis/internal/enum"
	"github.com/portcullis-authz/portcullis/internal/lines"
	"github.com/portcullis-authz/portcullis/resource"
)

// keys says how the values of an object are read; nil skips a value.
type keys map[string]func() *lines.Problem

// objectReader reads a record from nested objects.
type objectReader struct {
	*lines.JSON
	record Record
	nameAt int // offset of the name of the resource
}

// object reads an object with all required and any optional keys, and no others.
func (o *objectReader) object(required, optional keys) *lines.Problem {
	return o.Object(slices.Sorted(maps.Keys(required)), slices.Sorted(maps.Keys(optional)), func(key string) *lines.Problem {
		read, ok := required[key]
		if !ok {
			read = optional[key]
		}
		if read == nil {
			return o.Skip()
		}
		return read()
	})
}

// in returns a reader of an object: see object.
func (o *objectReader) in(required, optional keys) func() *lines.Problem {
	return func() *lines.Problem { return o.object(required, optional) }
}

// each returns a reader of an array.
func (o *objectReader) each(element func() *lines.Problem) func() *lines.Problem {
	return func() *lines.Problem { return o.Array(element) }
}

// field returns a reader of a text without the prefix.
func (o *objectReader) field(f traceField, prefix string) func() *lines.Problem {
	return func() *lines.Problem {
		text, offset, wrong := o.String()
		if wrong != nil {
			return wrong
		}
		return f.read(&o.record, strings.TrimPrefix(text, prefix), offset)
	}
}

// one returns a reader of an array with one element.
func (o *objectReader) one(noun string, element func() *lines.Problem) func() *lines.Problem {
	return func() *lines.Problem {
		count := 0
		wrong := o.Array(func() *lines.Problem { count++; return element() })
		if wrong == nil && count != 1 {
			wrong = &lines.Problem{Found: fmt.Sprintf("%d %ss", count, noun), Expected: "one " + noun + ": a record is about one"}
		}
		return wrong
	}
}

// name reads the name of the resource.
func (o *objectReader) name() (wrong *lines.Problem) {
	o.record.Request.Name, o.nameAt, wrong = o.String()
	return wrong
}

// bool returns a reader of true or false.
func (o *objectReader) bool(to *bool) func() *lines.Problem {
	return func() (wrong *lines.Problem) {
		*to, wrong = o.Bool()
		return wrong
	}
}

// oneOf returns a reader of one of two texts. It reports which with to.
func (o *objectReader) oneOf(noun, no, yes string, to *bool) func() *lines.Problem {
	return func() *lines.Problem {
		text, offset, wrong := o.String()
		if wrong == nil && text != no && text != yes {
			wrong = &lines.Problem{Offset: offset, Found: noun + " " + enum.Quote(text), Expected: no + " or " + yes}
		}
		*to = text == yes
		return wrong
	}
}

// end returns the record of a text that must be complete. The name of a by-type question is
// anyName.
func (o *objectReader) end(wrong *lines.Problem, anyName string) (Record, *lines.Problem) {
	if wrong == nil {
		wrong = o.End()
	}
	r := o.record
	if wrong == nil && r.ByType {
		if r.Request.Name != anyName {
			wrong = &lines.Problem{Offset: o.nameAt, Found: "a name", Expected: enum.Quote(anyName) + ", because the question is about any resource of the type"}
		}
		r.Request.Name = ""
	}
	return r, wrong
}

// parseOCSF parses a line of TraceOCSF.
func parseOCSF(text string) (Record, *lines.Problem) {
	o := &objectReader{JSON: lines.NewJSON(text, 0)}
	r := &o.record
	name := o.in(keys{"name": nil}, nil)
	wrong := o.object(keys{
		"class_uid": nil, "status": o.oneOf("status", "Failure", "Success", &r.Allowed), "status_detail": o.field(reasonField, ""),
		"actor": o.in(keys{
			"user": o.in(keys{"uid": o.field(principalField, "")}, keys{
				"name": nil, "type": nil, "type_id": nil, "groups": o.each(o.in(keys{"name": o.field(groupField, "")}, nil)),
			}),
		}, keys{"app_name": nil, "authorizations": o.each(o.in(keys{"decision": nil}, keys{"policy": name}))}),
		"src_endpoint": o.in(keys{"ip": o.field(hostField, "")}, nil),
		"resources":    o.one("resource", o.in(keys{"name": o.name, "type": o.field(typeField, "")}, nil)),
		"unmapped": o.in(keys{"operation": o.field(operationField, "")}, keys{
			"by_type": o.bool(&r.ByType), "resource_reference_count": nil, "generation": nil, "roles": nil,
		}),
	}, keys{
		"activity_id": nil, "activity_name": nil, "category_uid": nil, "category_name": nil, "class_name": nil, "type_uid": nil,
		"type_name": nil, "time": nil, "severity_id": nil, "severity": nil, "status_id": nil, "metadata": nil, "api": nil,
	})
	return o.end(wrong, "")
}

// parseCloudEvent parses a line of TraceCloudEvents.
func parseCloudEvent(text string) (Record, *lines.Problem) {
	o := &objectReader{JSON: lines.NewJSON(text, 0)}
	r := &o.record
	wrong := o.object(keys{
		"specversion": nil, "type": nil,
		"data": o.in(keys{
			"authenticationInfo": o.in(keys{"principal": o.field(principalField, "")}, nil),
			"authorizationInfo": o.in(keys{
				"granted": o.bool(&r.Allowed), "operation": o.field(operationField, ""),
				"resourceType": o.field(typeField, ""), "resourceName": o.name,
				"patternType": o.oneOf("pattern type", resource.Literal.String(), resource.PatternAny.String(), &r.ByType),
			}, keys{
				"superUserAuthorization": o.bool(&r.SuperUser), "aclAuthorization": nil,
				"assignedPrincipals": o.each(o.field(groupField, "")),
			}),
			"requestMetadata": o.in(keys{"client_address": o.field(hostField, "/")}, nil),
		}, keys{"serviceName": nil, "methodName": nil, "resourceName": nil, "request": nil}),
	}, keys{"id": nil, "source": nil, "subject": nil, "datacontenttype": nil, "time": nil})
	return o.end(wrong, resource.Wildcard)
}
