#include "server/encode/anatomy_codes.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string>

namespace voxd {
namespace {

struct Named {
  std::string_view name;
  AnatomyCode code;
};

constexpr AnatomyCode anatomical_structure{"91723000", "Anatomical Structure"};
constexpr AnatomyCode abnormal_structure{"49755003", "Morphologically Abnormal Structure"};
constexpr AnatomyCode tissue{"85756007", "Tissue"};
constexpr AnatomyCode left{"7771000", "Left"};
constexpr AnatomyCode right{"24028007", "Right"};

// Sorted by name.
constexpr Named structures[] = {
    {"adrenalgland", {"23451007", "Adrenal gland"}},
    {"aorta", {"15825003", "Aorta"}},
    {"bladder", {"89837001", "Bladder"}},
    {"bone", {"272673000", "Bone"}},
    {"brain", {"12738006", "Brain"}},
    {"cerebellum", {"113305005", "Cerebellum"}},
    {"clavicle", {"51299004", "Clavicle"}},
    {"colon", {"71854001", "Colon"}},
    {"duodenum", {"38848004", "Duodenum"}},
    {"esophagus", {"32849002", "Esophagus"}},
    {"femur", {"71341001", "Femur"}},
    {"gallbladder", {"28231008", "Gallbladder"}},
    {"heart", {"80891009", "Heart"}},
    {"hippocampus", {"5366008", "Hippocampus"}},
    {"humerus", {"85050009", "Humerus"}},
    {"inferiorvenacava", {"64131007", "Inferior vena cava"}},
    {"kidney", {"64033007", "Kidney"}},
    {"leftatrium", {"82471001", "Left atrium"}},
    {"leftventricle", {"87878005", "Left ventricle"}},
    {"liver", {"10200004", "Liver"}},
    {"lung", {"39607008", "Lung"}},
    {"muscle", {"91727004", "Muscle"}},
    {"oesophagus", {"32849002", "Esophagus"}},
    {"pancreas", {"15776009", "Pancreas"}},
    {"pituitary", {"56329008", "Pituitary"}},
    {"portalvein", {"32764006", "Portal vein"}},
    {"postcava", {"64131007", "Inferior vena cava"}},
    {"prostate", {"41216001", "Prostate"}},
    {"rib", {"113197003", "Rib"}},
    {"rightatrium", {"73829009", "Right atrium"}},
    {"rightventricle", {"53085002", "Right ventricle"}},
    {"sacrum", {"54735007", "Sacrum"}},
    {"scapula", {"79601000", "Scapula"}},
    {"skin", {"39937001", "Skin"}},
    {"skull", {"89546000", "Skull"}},
    {"smallintestine", {"30315005", "Small intestine"}},
    {"spinalcord", {"2748008", "Spinal cord"}},
    {"spleen", {"78961009", "Spleen"}},
    {"sternum", {"56873002", "Sternum"}},
    {"stomach", {"69695003", "Stomach"}},
    {"thyroid", {"69748006", "Thyroid"}},
    {"trachea", {"44567001", "Trachea"}},
    {"urinarybladder", {"89837001", "Bladder"}},
    {"uterus", {"35039007", "Uterus"}},
    {"vertebra", {"51282000", "Vertebra"}},
};

constexpr Named abnormalities[] = {
    {"edema", {"79654002", "Edema"}},      {"lesion", {"52988006", "Lesion"}},
    {"necrosis", {"6574001", "Necrosis"}}, {"neoplasm", {"108369006", "Neoplasm"}},
    {"tumor", {"108369006", "Neoplasm"}},  {"tumour", {"108369006", "Neoplasm"}},
};

std::string letters_of(std::string_view name) {
  std::string letters;
  for (const char c : name)
    if (std::isalpha(static_cast<unsigned char>(c)))
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return letters;
}

/// Takes the side off a name that begins or ends with it.
bool take_side(std::string& letters, std::string_view side) {
  if (letters.starts_with(side)) {
    letters.erase(0, side.size());
    return true;
  }
  if (!letters.ends_with(side)) return false;
  letters.erase(letters.size() - side.size());
  return true;
}

template <std::size_t n>
const AnatomyCode* find(const Named (&list)[n], std::string_view name) {
  const auto found = std::find_if(std::begin(list), std::end(list), [&](const Named& one) { return one.name == name; });
  return found == std::end(list) ? nullptr : &found->code;
}

}  // namespace

SegmentCodes codes_of(std::string_view name) {
  std::string letters = letters_of(name);
  if (const AnatomyCode* code = find(structures, letters)) return {anatomical_structure, *code, {}};
  if (const AnatomyCode* code = find(abnormalities, letters)) return {abnormal_structure, *code, {}};
  const AnatomyCode side = take_side(letters, "left") ? left : take_side(letters, "right") ? right : AnatomyCode{};
  if (const AnatomyCode* code = find(structures, letters)) return {anatomical_structure, *code, side};
  return {tissue, tissue, {}};
}

}  // namespace voxd
