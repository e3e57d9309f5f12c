#pragma once

#include "grpc_service.pb.h"
#include "models/repository.h"
#include "server/statistics.h"

namespace voxd {

// What the KServe protocol's clients are told about a model.

void fill_metadata(const Model& model, inference::ModelMetadataResponse& metadata);
/// `instances` jobs run at once, on a CUDA device or on the CPU.
void fill_config(const Model& model, int instances, bool cuda, inference::ModelConfig& config);
void fill_statistics(const ModelStatus& status, const ModelCounts& counts, inference::ModelStatistics& statistics);

}  // namespace voxd
