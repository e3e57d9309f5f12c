#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gpu_transforms/volume/dtype.h"
#include "server/decode/dicom_instance.h"
#include "server/decode/dicom_series.h"

namespace voxd {

/// The type that holds every value that the slices' stored numbers can stand for: int16, uint16, else float32.
DType value_type(const std::vector<DicomInstance>& instances, const std::vector<DicomSlice>& slices);

/// Turns stored numbers into values: the stored bits alone (what lies above and below, overlays for instance, is
/// dropped), with their sign, padding replaced by `padding_value`, then slope and intercept. `stored` is one frame in
/// native byte order, `values` as many of value_type().
template <class T>
void convert_values(std::span<const std::byte> stored, const DicomPixels& pixels, const DicomFrame& frame,
                    double padding_value, T* values);

extern template void convert_values<std::int16_t>(std::span<const std::byte>, const DicomPixels&, const DicomFrame&,
                                                  double, std::int16_t*);
extern template void convert_values<std::uint16_t>(std::span<const std::byte>, const DicomPixels&, const DicomFrame&,
                                                   double, std::uint16_t*);
extern template void convert_values<float>(std::span<const std::byte>, const DicomPixels&, const DicomFrame&, double,
                                           float*);

}  // namespace voxd
