#pragma once

#include "server/serving.h"
#include "voxd/v1/segmentation.grpc.pb.h"

namespace voxd {

/// voxd.v1.Segmentation: Segment and ListModels. `serving` must outlive it. Safe from any thread; nothing here blocks.
class SegmentService final : public v1::Segmentation::CallbackService {
 public:
  explicit SegmentService(Serving& serving) : serving_(serving) {}

  grpc::ServerBidiReactor<v1::SegmentRequest, v1::SegmentEvent>* Segment(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context, const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;

 private:
  Serving& serving_;
};

}  // namespace voxd
