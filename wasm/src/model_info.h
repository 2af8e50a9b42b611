// model_info.h: what a model is, as the JSON object that bn_model_info describes.
#pragma once

#include <string>

#include "model.h"

namespace bitnet {

std::string model_info(const Model& model);  // once the header is read and its tensors are planned

}  // namespace bitnet
