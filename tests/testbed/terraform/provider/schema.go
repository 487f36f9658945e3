// How is a schema written down in schemas.json, and what does the plugin protocol make of it? Pure.

package main

import (
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// provider is one provider: its own configuration, and what it manages.
type provider struct {
	// Version is the one that the schema was read off.
	Version   string          `json:"version"`
	Config    body            `json:"provider"`
	Resources map[string]body `json:"resources"`
	Data      map[string]body `json:"data"`
}

// body is what stands between two braces. Types are in Terraform's JSON syntax.
type body struct {
	Required map[string]json.RawMessage `json:"required"`
	// Optional attributes may come back with a value that nobody gave.
	Optional map[string]json.RawMessage `json:"optional"`
	Computed map[string]json.RawMessage `json:"computed"`
	Blocks   map[string]nested          `json:"blocks"`
	// Nested are attributes with attributes of their own.
	Nested map[string]nested `json:"nested"`
}

// nested is a body within a body.
type nested struct {
	Nesting string `json:"nesting"`
	Min     int64  `json:"min"`
	Max     int64  `json:"max"`
	body
}

func (p provider) schema() (*tfprotov6.GetProviderSchemaResponse, error) {
	config, err := p.Config.schema()
	if err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	resources, err := schemasOf(p.Resources)
	if err != nil {
		return nil, err
	}
	data, err := schemasOf(p.Data)
	if err != nil {
		return nil, err
	}
	return &tfprotov6.GetProviderSchemaResponse{Provider: config, ResourceSchemas: resources, DataSourceSchemas: data}, nil
}

func schemasOf(bodies map[string]body) (map[string]*tfprotov6.Schema, error) {
	schemas := make(map[string]*tfprotov6.Schema, len(bodies))
	for name, body := range bodies {
		schema, err := body.schema()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		schemas[name] = schema
	}
	return schemas, nil
}

func (b body) schema() (*tfprotov6.Schema, error) {
	block, err := b.block()
	if err != nil {
		return nil, err
	}
	return &tfprotov6.Schema{Block: block}, nil
}

func (b body) block() (*tfprotov6.SchemaBlock, error) {
	attributes, err := b.attributes()
	if err != nil {
		return nil, err
	}
	block := &tfprotov6.SchemaBlock{Attributes: attributes}
	for name, inner := range b.Blocks {
		content, err := inner.block()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		nesting, known := map[string]tfprotov6.SchemaNestedBlockNestingMode{
			"list":   tfprotov6.SchemaNestedBlockNestingModeList,
			"set":    tfprotov6.SchemaNestedBlockNestingModeSet,
			"single": tfprotov6.SchemaNestedBlockNestingModeSingle,
		}[inner.Nesting]
		if !known {
			return nil, fmt.Errorf("%s: unknown nesting %q", name, inner.Nesting)
		}
		block.BlockTypes = append(block.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name,
			Block:    content,
			Nesting:  nesting,
			MinItems: inner.Min,
			MaxItems: inner.Max,
		})
	}
	return block, nil
}

func (b body) attributes() ([]*tfprotov6.SchemaAttribute, error) {
	var attributes []*tfprotov6.SchemaAttribute
	add := func(types map[string]json.RawMessage, mode tfprotov6.SchemaAttribute) error {
		for name, text := range types {
			//nolint:staticcheck // The only reader of this syntax that there is.
			parsed, err := tftypes.ParseJSONType(text)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			attribute := mode
			attribute.Name, attribute.Type = name, parsed
			attributes = append(attributes, &attribute)
		}
		return nil
	}
	if err := add(b.Required, tfprotov6.SchemaAttribute{Required: true}); err != nil {
		return nil, err
	}
	if err := add(b.Optional, tfprotov6.SchemaAttribute{Optional: true, Computed: true}); err != nil {
		return nil, err
	}
	if err := add(b.Computed, tfprotov6.SchemaAttribute{Computed: true}); err != nil {
		return nil, err
	}
	for name, inner := range b.Nested {
		content, err := inner.attributes()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		nesting, known := map[string]tfprotov6.SchemaObjectNestingMode{
			"list":   tfprotov6.SchemaObjectNestingModeList,
			"set":    tfprotov6.SchemaObjectNestingModeSet,
			"single": tfprotov6.SchemaObjectNestingModeSingle,
		}[inner.Nesting]
		if !known {
			return nil, fmt.Errorf("%s: unknown nesting %q", name, inner.Nesting)
		}
		attributes = append(attributes, &tfprotov6.SchemaAttribute{
			Name:       name,
			Optional:   true,
			NestedType: &tfprotov6.SchemaObject{Attributes: content, Nesting: nesting},
		})
	}
	return attributes, nil
}
