// A label drawn at known millimetres comes back there, in segmentations and structure sets.

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "server/decode/dicom_file.h"
#include "server/encode/anatomy_codes.h"
#include "server/encode/dicom_rtstruct.h"
#include "server/encode/dicom_seg.h"
#include "server/encode/outlines.h"
#include "tests/support/catch.h"
#include "tests/support/dicom_builder.h"
#include "tests/support/dicom_object_reader.h"

namespace voxd::dicom_objects_test {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Bytes = std::vector<std::byte>;

constexpr int columns = 21, rows = 19, depth = 9;  // 399 pixels: no multiple of 8

/// A series whose slice k of 9 has that position and orientation.
struct Series {
  std::vector<Bytes> files;
  DicomSource source;
  Bytes header;

  explicit Series(const std::vector<DicomDataset>& datasets) {
    for (const DicomDataset& dataset : datasets) files.push_back(dicom_bytes(dataset));
    const std::vector<std::span<const std::byte>> spans(files.begin(), files.end());
    source = open_dicom_series(spans, {});
    header = dicom_header(files[source.series.slices.front().instance], {});
  }

  DicomSubject subject(const std::map<int, std::string>& names) const {
    return {.source = source,
            .header = header,
            .names = names,
            .model = "organs",
            .model_version = "2",
            .voxd_version = "0.1"};
  }
};

void enlarge(DicomDataset& slice, int frames = 1) {
  slice.number(tag::rows, rows);
  slice.number(tag::columns, columns);
  slice[tag::pixel_data].words.assign(static_cast<std::size_t>(rows * columns * frames), 7);
}

using Place = std::function<std::vector<double>(int)>;

std::vector<DicomDataset> classic(const std::vector<double>& orientation, const Place& position) {
  std::vector<DicomDataset> slices;
  for (int k = 0; k < depth; ++k) {
    DicomDataset slice = ct_slice(k);
    enlarge(slice);
    slice.text(tag::sop_instance, "UI", "1.2.3.4.5." + std::to_string(k));
    slice.text(tag::orientation, "DS", decimals(orientation));
    slice.text(tag::position, "DS", decimals(position(k)));
    slices.push_back(slice);
  }
  return slices;
}

std::vector<DicomDataset> series_named(const std::string& name) {
  const double c = std::cos(0.4), s = std::sin(0.4);
  if (name == "axial") return classic({1, 0, 0, 0, 1, 0}, [](int k) { return std::vector<double>{-20, -30, 2.5 * k}; });
  if (name == "descending")
    return classic({1, 0, 0, 0, 1, 0}, [](int k) { return std::vector<double>{-20, -30, -2.5 * k}; });
  if (name == "turned")
    return classic({-1, 0, 0, 0, -1, 0}, [](int k) { return std::vector<double>{20, 30, 2.5 * k}; });
  if (name == "sagittal")
    return classic({0, 1, 0, 0, 0, -1}, [](int k) { return std::vector<double>{2.5 * k, -30, 40}; });
  if (name == "oblique")
    return classic({c, s, 0, 0, 0, -1}, [=](int k) {
      return std::vector<double>{5 - s * 2.5 * k, 6 + c * 2.5 * k, 7.0};
    });
  if (name == "tilted")
    return classic({1, 0, 0, 0, 1, 0}, [](int k) { return std::vector<double>{-20, -30 + 0.8 * k, 2.5 * k}; });
  DicomDataset enhanced = enhanced_ct(depth);
  enlarge(enhanced, depth);
  std::reverse(enhanced[tag::frame_groups].items.begin(), enhanced[tag::frame_groups].items.end());
  return {enhanced};
}

/// Label 3 is a ball, off the middle, and label 1 a shell around it with a dot inside the ball.
HostVolume labels_of(const Geometry& geometry) {
  HostVolume labels = make_host_volume(DType::u8, 1, geometry);
  const auto values = labels.as<std::uint8_t>();
  const Vec3 middle = apply(geometry.affine, {11, 8, 4});
  for (int x = 0, i = 0; x < columns; ++x)
    for (int y = 0; y < rows; ++y)
      for (int z = 0; z < depth; ++z, ++i) {
        const Vec3 at = apply(geometry.affine, {double(x), double(y), double(z)});
        const double distance = std::hypot(at[0] - middle[0], at[1] - middle[1], at[2] - middle[2]);
        values[static_cast<std::size_t>(i)] = distance < 0.2 ? 1 : distance < 2.2 ? 3 : distance < 3.6 ? 1 : 0;
      }
  values[0] = 1;  // a single voxel in a corner
  return labels;
}

int label_of(const HostVolume& labels, int x, int y, int z) {
  return labels.as<std::uint8_t>()[static_cast<std::size_t>((x * rows + y) * depth + z)];
}

const std::map<int, std::string> names{{1, "left kidney"}, {2, "absent"}, {3, "spleen"}};

TEST_CASE("a segmentation's voxels lie where the labels were drawn", "[dicom][seg]") {
  const std::string name =
      GENERATE(as<std::string>{}, "axial", "descending", "turned", "sagittal", "oblique", "tilted", "enhanced");
  CAPTURE(name);
  const Series series(series_named(name));
  const Geometry& geometry = series.source.series.geometry;
  const HostVolume labels = labels_of(geometry);
  const std::vector<SegFrame> frames = read_seg(encode_dicom_seg(labels, series.subject(names)));
  std::set<std::pair<std::string, std::string>> seen;
  std::size_t found = 0;
  for (const SegFrame& frame : frames) {
    REQUIRE(seen.insert({frame.segment, frame.source_instance + "/" + std::to_string(frame.source_frame)}).second);
    REQUIRE((frame.segment == "left kidney" || frame.segment == "spleen"));
    REQUIRE(frame.type_code == (frame.segment == "spleen" ? "78961009" : "64033007"));
    REQUIRE(frame.rows == rows);
    REQUIRE(frame.columns == columns);
    REQUIRE(frame.between_slices_mm == Approx(2.5));
    REQUIRE((frame.source_frame > 0) == (name == "enhanced"));
    const Affine to_voxels = inverse(geometry.affine);
    for (int y = 0; y < rows; ++y)
      for (int x = 0; x < columns; ++x) {
        const Vec3 lps = frame.place(x, y);
        const Vec3 voxel = apply(to_voxels, {-lps[0], -lps[1], lps[2]});
        REQUIRE(std::abs(voxel[0] - x) < 1e-6);
        REQUIRE(std::abs(voxel[1] - y) < 1e-6);
        const int z = static_cast<int>(std::lround(voxel[2]));
        REQUIRE(std::abs(voxel[2] - z) < 1e-6);
        const bool expected = label_of(labels, x, y, z) == (frame.segment == "spleen" ? 3 : 1);
        REQUIRE(frame.voxels[static_cast<std::size_t>(y * columns + x)] == expected);
        found += expected;
      }
  }
  const auto values = labels.as<std::uint8_t>();
  REQUIRE(found == values.size() - static_cast<std::size_t>(std::count(values.begin(), values.end(), 0)));
}

/// Even and odd.
bool inside(const std::vector<Outline>& polygons, double x, double y) {
  bool odd = false;
  for (const auto& polygon : polygons)
    for (std::size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++) {
      const auto& [ax, ay] = polygon[i];
      const auto& [bx, by] = polygon[j];
      if ((ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax) odd = !odd;
    }
  return odd;
}

TEST_CASE("a structure set filled by even and odd is the label map", "[dicom][rtstruct]") {
  const std::string name =
      GENERATE(as<std::string>{}, "axial", "descending", "turned", "sagittal", "oblique", "tilted", "enhanced");
  const Holes holes = GENERATE(Holes::outlines, Holes::keyholes);
  CAPTURE(name, holes == Holes::keyholes);
  const Series series(series_named(name));
  const Geometry& geometry = series.source.series.geometry;
  const HostVolume labels = labels_of(geometry);
  const Bytes file = encode_dicom_rtstruct(labels, series.subject(names), holes);
  CHECK(attribute(file, 0x0010, 0x0010) == "Doe^Jane");
  const Affine to_voxels = inverse(geometry.affine);
  std::map<std::pair<std::string, int>, std::vector<Outline>> polygons;
  for (const ReadContour& contour : read_rtstruct(file)) {
    Outline polygon;
    int slice = -1;
    for (const Vec3& point : contour.points_mm) {
      const Vec3 voxel = apply(to_voxels, {-point[0], -point[1], point[2]});
      slice = static_cast<int>(std::lround(voxel[2]));
      REQUIRE(std::abs(voxel[2] - slice) < 1e-3);
      polygon.push_back({voxel[0], voxel[1]});
    }
    const DicomSlice& source = series.source.series.slices[static_cast<std::size_t>(slice)];
    REQUIRE(contour.source_instance == series.source.instances[source.instance].instance_uid);
    polygons[{contour.region, slice}].push_back(polygon);
  }
  for (const auto& [region, label] : {std::pair{"left kidney", 1}, std::pair{"spleen", 3}})
    for (int z = 0; z < depth; ++z)
      for (int y = 0; y < rows; ++y)
        for (int x = 0; x < columns; ++x)
          if (inside(polygons[{region, z}], x, y) != (label_of(labels, x, y, z) == label))
            FAIL(region << " differs at " << x << ", " << y << ", " << z);
}

TEST_CASE("an empty label map has neither segmentation nor structure set", "[dicom][seg][rtstruct]") {
  const Series series(series_named("axial"));
  HostVolume labels = make_host_volume(DType::u16, 1, series.source.series.geometry);
  std::ranges::fill(labels.as<std::uint16_t>(), 0);
  CHECK(encode_dicom_seg(labels, series.subject(names)).empty());
  CHECK(encode_dicom_rtstruct(labels, series.subject(names)).empty());
}

TEST_CASE("what cannot be referred to, and label maps on another grid, are refused", "[dicom][seg][rtstruct]") {
  auto slices = series_named("axial");
  const Series good(slices);
  HostVolume other = make_host_volume(DType::u8, 1, {{2, 2, 2}, identity_affine()});
  CHECK_THROWS_AS(encode_dicom_seg(other, good.subject(names)), Error);
  slices[4].text(tag::sop_class, "UI", "");
  const Series bad(slices);
  const HostVolume labels = labels_of(bad.source.series.geometry);
  CHECK_THROWS_WITH(encode_dicom_seg(labels, bad.subject(names)), Contains("SOPClassUID is empty"));
  CHECK_THROWS_WITH(encode_dicom_rtstruct(labels, bad.subject(names)), Contains("SOPClassUID is empty"));
}

/// How often the outlines go around a point, those that run one way less those that run the other.
int turns_around(const std::vector<Outline>& outlines, double x, double y) {
  int turns = 0;
  for (const Outline& outline : outlines)
    for (std::size_t i = 0; i < outline.size(); ++i) {
      const auto& [ax, ay] = outline[i];
      const auto& [bx, by] = outline[(i + 1) % outline.size()];
      if ((ay > y) == (by > y) || x >= (bx - ax) * (y - ay) / (by - ay) + ax) continue;
      turns += by > ay ? 1 : -1;
    }
  return turns;
}

TEST_CASE("outlines of odd shapes hold exactly their pixels, holes joined or not", "[dicom][rtstruct]") {
  constexpr int size = 24;
  const std::uint32_t of_sixteen = GENERATE(10u, 12u, 14u);  // as many pixels have the label
  CAPTURE(of_sixteen);
  std::vector<std::uint16_t> plane(size * size);
  std::uint32_t state = 1;
  for (std::uint16_t& label : plane) {
    state = state * 1664525 + 1013904223;
    label = static_cast<std::uint16_t>(state >> 28 < of_sixteen ? 5 : 0);
  }
  const std::vector<Outline> outlines = trace_outlines(plane, size, size, 5);
  const std::vector<Outline> joined = join_holes(outlines);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) {
      const bool has_label = plane[static_cast<std::size_t>(y * size + x)] == 5;
      REQUIRE(inside(outlines, x, y) == has_label);
      REQUIRE(inside(joined, x, y) == has_label);
      REQUIRE(std::abs(turns_around(joined, x, y)) == (has_label ? 1 : 0));
    }
  for (const Outline& outline : joined)
    for (std::size_t i = 0; i < outline.size(); ++i) REQUIRE(outline[i] != outline[(i + 1) % outline.size()]);
  CHECK(joined.size() < outlines.size());
  CHECK(trace_outlines(plane, size, size, 6).empty());
}

TEST_CASE("decimal strings have at most 16 characters and lose no more than they must", "[dicom]") {
  for (const double value : {0.0, -0.0, 1.0, -249.51171875, 1.0 / 3, -1e-17 / 3, 123456789.123456789,
                             -0.123456789012345678, 1e300 / 3, -804.5, 0.1 + 0.2}) {
    const std::string text = decimal_string(value);
    CAPTURE(value, text);
    CHECK(text.size() <= 16);
    CHECK(std::stod(text) == Approx(value).epsilon(1e-8));
  }
  CHECK(decimal_string(-0.0) == "0");
  CHECK(decimal_string(-249.51171875) == "-249.51171875");
  CHECK_THROWS_AS(decimal_string(std::nan("")), Error);
}

TEST_CASE("identifiers are new each time, and of digits", "[dicom]") {
  const std::string a = new_uid(), b = new_uid();
  CHECK(a != b);
  CHECK(a.starts_with("2.25."));
  CHECK(a.size() <= 64);
  CHECK(a.find_first_not_of("0123456789.") == std::string::npos);
}

TEST_CASE("a label's name finds its code, and its side", "[dicom]") {
  CHECK(codes_of("Spleen").type.value == "78961009");
  CHECK(codes_of("spinal_cord").type.meaning == "Spinal cord");
  CHECK(codes_of("kidney-left").side.meaning == "Left");
  CHECK(codes_of("Right Lung").side.meaning == "Right");
  CHECK(codes_of("left atrium").side.value.empty());
  CHECK(codes_of("tumor").category.meaning == "Morphologically Abnormal Structure");
  CHECK(codes_of("left something").type.meaning == "Tissue");
  CHECK(label_text({{1, "caf\xc3\xa9\\x"}}, 1) == "caf???x");
  CHECK(label_text({}, 7) == "label 7");
}

}  // namespace
}  // namespace voxd::dicom_objects_test
