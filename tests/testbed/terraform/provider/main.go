// What do the providers that our Terraform uses accept? Says so in their stead, and does nothing.

// Provider answers OpenTofu's questions about the schemas of providers that cannot be had here, from schemas.json. Its
// own file name says which provider it is. Whatever would need the provider itself is mocked by the tests.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

//go:embed schemas.json
var schemas []byte

const prefix = "terraform-provider-"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	name, isProvider := strings.CutPrefix(filepath.Base(os.Args[0]), prefix)
	if !isProvider {
		return fmt.Errorf("%s: a provider is named %sNAME", os.Args[0], prefix)
	}
	var known map[string]provider
	if err := json.Unmarshal(schemas, &known); err != nil {
		return fmt.Errorf("reading schemas.json: %w", err)
	}
	described, ok := known[name]
	if !ok {
		return fmt.Errorf("schemas.json does not describe the provider %s", name)
	}
	schema, err := described.schema()
	if err != nil {
		return fmt.Errorf("reading the schema of %s: %w", name, err)
	}
	return tf6server.Serve(name, func() tfprotov6.ProviderServer { return &server{schema: schema} })
}

// server answers what a validation asks, and panics if it is asked for more.
type server struct {
	tfprotov6.ProviderServer
	schema *tfprotov6.GetProviderSchemaResponse
}

func (s *server) GetMetadata(context.Context, *tfprotov6.GetMetadataRequest) (*tfprotov6.GetMetadataResponse, error) {
	answer := &tfprotov6.GetMetadataResponse{}
	for name := range s.schema.ResourceSchemas {
		answer.Resources = append(answer.Resources, tfprotov6.ResourceMetadata{TypeName: name})
	}
	for name := range s.schema.DataSourceSchemas {
		answer.DataSources = append(answer.DataSources, tfprotov6.DataSourceMetadata{TypeName: name})
	}
	return answer, nil
}

func (s *server) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return s.schema, nil
}

func (s *server) GetFunctions(context.Context, *tfprotov6.GetFunctionsRequest) (*tfprotov6.GetFunctionsResponse, error) {
	return &tfprotov6.GetFunctionsResponse{}, nil
}

func (s *server) ValidateProviderConfig(_ context.Context, request *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: request.Config}, nil
}

func (s *server) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (s *server) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

// UpgradeResourceState hands back what a former run of the same test left: there is one version of everything.
func (s *server) UpgradeResourceState(_ context.Context, request *tfprotov6.UpgradeResourceStateRequest) (*tfprotov6.UpgradeResourceStateResponse, error) {
	schema, known := s.schema.ResourceSchemas[request.TypeName]
	if !known {
		return nil, fmt.Errorf("schemas.json does not describe %s", request.TypeName)
	}
	stored, err := request.RawState.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, fmt.Errorf("reading the state of %s: %w", request.TypeName, err)
	}
	state, err := tfprotov6.NewDynamicValue(schema.ValueType(), stored)
	if err != nil {
		return nil, fmt.Errorf("writing the state of %s: %w", request.TypeName, err)
	}
	return &tfprotov6.UpgradeResourceStateResponse{UpgradedState: &state}, nil
}

func (s *server) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}
