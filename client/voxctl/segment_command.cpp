// voxctl segment: image in, files out.

#include <iostream>
#include <memory>
#include <vector>

#include "client/segmentation_client.h"
#include "client/voxctl/commands.h"
#include "client/voxctl/exit_code.h"
#include "client/voxctl/image_input.h"
#include "client/voxctl/interrupt.h"
#include "client/voxctl/output_file.h"
#include "client/voxctl/progress_bar.h"
#include "client/voxctl/summary.h"

namespace voxd::ctl {
namespace {

struct Arguments {
  std::vector<std::string> inputs;
  std::string model, model_version, request_id;
  std::string mask, contour, probabilities, seg, rtstruct, preview, report;  // paths; empty: not wanted
  double timeout_s = 0;                                                      // 0: none
  std::int32_t priority = 0;
  bool keyholes = false, json = false, quiet = false;
};

/// One result: where it is in the answer, and where it goes.
struct Output {
  std::string SegmentationOutcome::*bytes;
  std::unique_ptr<OutputFile> file;
};

bool same_file(const std::string& a, const std::string& b) {
  std::error_code failure;
  if (a == "-" || b == "-" || std::filesystem::is_character_file(a, failure)) return a == b;
  return std::filesystem::weakly_canonical(a, failure) == std::filesystem::weakly_canonical(b, failure);
}

/// No output may take the place of another or of an input.
void check_paths(const Arguments& arguments) {
  std::vector<std::string> outputs;
  for (const std::string& output : {arguments.mask, arguments.contour, arguments.probabilities, arguments.seg,
                                    arguments.rtstruct, arguments.preview, arguments.report}) {
    if (output.empty() || output == "/dev/null") continue;
    for (const std::string& other : outputs)
      if (same_file(output, other)) throw UsageError(output + ": named for two outputs");
    for (const std::string& input : arguments.inputs)
      if (output != "-" && same_file(output, named_input(input).file))
        throw UsageError(output + ": is an input, and would be replaced");
    if (output == "-" && arguments.json) throw UsageError("--json: standard output already takes a result");
    outputs.push_back(output);
  }
}

std::vector<Output> open_outputs(const Arguments& arguments) {
  std::vector<Output> outputs;
  const auto open = [&](const char* option, const std::string& path, std::string SegmentationOutcome::*bytes) {
    if (!path.empty()) outputs.push_back({bytes, std::make_unique<OutputFile>(option, path)});
  };
  open("mask", arguments.mask, &SegmentationOutcome::mask);
  open("contour", arguments.contour, &SegmentationOutcome::contour);
  open("probabilities", arguments.probabilities, &SegmentationOutcome::probabilities);
  open("seg", arguments.seg, &SegmentationOutcome::dicom_seg);
  open("rtstruct", arguments.rtstruct, &SegmentationOutcome::dicom_rtstruct);
  open("preview", arguments.preview, &SegmentationOutcome::preview);
  open("report", arguments.report, &SegmentationOutcome::report);
  return outputs;
}

LabelFormat format_of(const std::string& path) {
  return path.ends_with(".nii") ? LabelFormat::nifti : LabelFormat::nifti_gz;
}

SegmentationInput request_of(const Arguments& arguments, const ImageInput& image) {
  SegmentationInput input;
  input.model = arguments.model;
  input.model_version = arguments.model_version;
  input.request_id = arguments.request_id;
  input.parts = image.parts();
  input.mask = !arguments.mask.empty();
  input.mask_format = format_of(arguments.mask);
  input.contour = !arguments.contour.empty();
  input.contour_format = format_of(arguments.contour);
  input.probabilities = !arguments.probabilities.empty();
  input.dicom_seg = !arguments.seg.empty();
  input.dicom_rtstruct = !arguments.rtstruct.empty();
  input.rtstruct_keyholes = arguments.keyholes;
  input.preview = !arguments.preview.empty();
  // The summary's figures come out of the report.
  input.report = !arguments.report.empty() || !arguments.quiet || arguments.json;
  input.priority = arguments.priority;
  if (arguments.timeout_s > 0)
    input.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(arguments.timeout_s * 1000));
  return input;
}

/// Everything is written before the first name shows up, so that a full disk leaves the old results in place. A result
/// that the server had none of leaves no file; a warning says why.
void write_outputs(std::vector<Output>& outputs, const SegmentationOutcome& outcome) {
  std::erase_if(outputs, [&](const Output& output) {
    const bool may_be_absent =
        output.bytes == &SegmentationOutcome::dicom_seg || output.bytes == &SegmentationOutcome::dicom_rtstruct;
    return may_be_absent && (outcome.*output.bytes).empty();
  });
  for (const Output& output : outputs) output.file->write(outcome.*output.bytes);
  for (const Output& output : outputs) output.file->publish();
}

void print_summary(const Arguments& arguments, const std::vector<Output>& outputs, const SegmentationOutcome& outcome) {
  Summary summary{arguments.model, outcome, {}};
  bool stdout_is_taken = false;
  for (const Output& output : outputs) {
    stdout_is_taken = stdout_is_taken || output.file->is_stdout();
    if (!output.file->is_stdout()) summary.files.emplace_back(output.file->option(), output.file->path());
  }
  if (arguments.json)
    std::cout << json_of(summary) << '\n';
  else if (!arguments.quiet)
    (stdout_is_taken ? std::cerr : std::cout) << text_of(summary);
}

void segment(const Arguments& arguments, const Shared& shared) {
  check_paths(arguments);
  const ImageInput image(arguments.inputs);
  if (!arguments.quiet)
    for (const std::string& note : image.notes()) std::cerr << note << '\n';
  const Interrupt interrupt;  // from here on Ctrl-C leaves neither a call on the server nor a temporary file
  std::vector<Output> outputs = open_outputs(arguments);
  SegmentationOutcome outcome;
  {
    ProgressBar bar(!arguments.quiet);
    SegmentationClient client(shared.address, shared.client_options());
    outcome = client.segment(
        request_of(arguments, image), [&](const SegmentationProgress& progress) { bar.show(progress); },
        interrupt.token());
  }
  write_outputs(outputs, outcome);
  print_summary(arguments, outputs, outcome);
}

}  // namespace

void add_segment_command(CLI::App& app, const Shared& shared) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("segment", "Segments one image");
  command
      ->add_option(
          "INPUT", arguments->inputs,
          "A NIfTI file (.nii, .nii.gz), a folder of a DICOM series' files, or - for standard input; several NIfTI "
          "files are the channels of one image, in order or each as CHANNEL=FILE")
      ->required();
  command->add_option("--model", arguments->model, "Name of the model, as `voxctl models` lists it")->required();
  command->add_option("--model-version", arguments->model_version, "Version of the model; the newest if not given");
  command->add_option("--mask", arguments->mask, "Write the label map here (.nii.gz or .nii); - is standard output");
  command->add_option("--contour", arguments->contour, "Write the label map's boundary here (.nii.gz or .nii)");
  command->add_option("--probabilities", arguments->probabilities,
                      "Write what the labels are made of here (.nii.gz): float32, one volume per class");
  command->add_option("--seg", arguments->seg, "Write the label map as a DICOM segmentation of the series here (.dcm)");
  CLI::Option* rtstruct =
      command->add_option("--rtstruct", arguments->rtstruct, "Write it as a DICOM RT structure set here (.dcm)");
  command
      ->add_flag("--keyholes", arguments->keyholes,
                 "In the structure set, join each hole to the outline around it, for readers that know no holes")
      ->needs(rtstruct);
  command->add_option("--preview", arguments->preview, "Write a picture of three planes with the contour here (.png)");
  command->add_option("--report", arguments->report, "Write volumes, geometry and timings here (.json)");
  command->add_option("--timeout", arguments->timeout_s, "Seconds after which the call is given up; 0 for no limit")
      ->check(CLI::Range(0.0, 86400.0));
  command->add_option("--priority", arguments->priority, "Higher goes first in the server's queue; 0 if not given");
  command->add_option("--request-id", arguments->request_id, "Shows in the report and in the server's logs");
  command->add_flag("--json", arguments->json, "Print the summary as JSON");
  command->add_flag("--quiet", arguments->quiet, "No progress bar and no summary");
  command->callback([&shared, arguments] { segment(*arguments, shared); });
}

}  // namespace voxd::ctl
