#pragma once

#include "models/repository.h"
#include "server/job.h"

namespace voxd {

/// Runs a model once on an image of the size that its bundle names as typical (serving.json: warm_up_image), as a job
/// would run it, so that the first caller does not pay for memory that has never been touched and for threads that have
/// never run. A model that fails here says so in the log and serves all the same. Blocks; on the calling thread.
void warm_up(const Model& model, WorkerResources& resources);
/// All that are ready, one after the other.
void warm_up(const ModelRepository& models, WorkerResources& resources);

}  // namespace voxd
