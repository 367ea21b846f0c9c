// The part of a session that runs data through the model for rules that look at a layer's input.

#include <algorithm>

#include "engine/model/no_input.h"
#include "engine/session/calibration.h"
#include "engine/session/session_impl.h"

namespace lacuna {

void Session::Impl::request_calibration() {
    if (calibrating || !document || !data || !document->model->checkpoint().runnable()) return;
    const std::vector<std::string> weights = uncalibrated(*document);
    if (weights.empty()) return;
    calibrating = true;
    stop_evaluating();
    const auto work = [this, weights, model = document->model, set = data](Progress& progress) {
        const auto tell = [&](std::function<void()> take) {
            post([this, model, set, take = std::move(take)] {
                calibrating = false;
                if (document && document->model == model && data == set) take();
                document_changed();
            });
        };
        try {
            const ActivationSet seen = evaluator.calibrate(model->checkpoint_ptr(), set, weights, progress);
            tell([this, weights, seen] { take_calibration(weights, seen); });
        } catch (const Error& error) {
            tell([this, weights, error] { fail_calibration(weights, error); });
        } catch (const Cancelled&) {
            const Error stopped(ErrorKind::state, "", "the calibration was stopped", "open the data again to run it");
            tell([this, weights, stopped] { fail_calibration(weights, stopped); });
            throw;
        } catch (const std::exception& error) {
            const Error failed(ErrorKind::state, "", std::string("the calibration failed: ") + error.what());
            tell([this, weights, failed] { fail_calibration(weights, failed); });
        }
    };
    start_job("Calibrating on " + data->path().filename().string(), work);
}

void Session::Impl::calibrate(const std::vector<std::string>& weights, Progress& progress) {
    std::vector<std::string> unseen;
    for (const std::string& weight : weights)
        if (!document->calibration->seen.contains(weight)) unseen.push_back(weight);
    if (unseen.empty() || !data) return;
    stop_evaluating();
    take_calibration(unseen, evaluator.calibrate(document->model->checkpoint_ptr(), data, unseen, progress));
}

void Session::Impl::take_calibration(const std::vector<std::string>& weights, ActivationSet seen) {
    auto known = std::make_shared<CalibrationState>(*document->calibration);
    for (const std::string& weight : weights)
        if (!seen.contains(weight)) known->problems[weight] = std::string(no_input) + "; " + no_input_hint;
    for (auto& [name, activations] : seen) {
        known->problems.erase(name);
        if (!are_sums_of_squares(*activations))
            known->problems[name] = std::string(not_finite) + "; " + finite_hint;
        else
            known->seen.insert_or_assign(name, std::move(activations));
    }
    document = with_calibration(*document, std::move(known));
}

/// A weight that the error names is the only one that failed: the others are tried without it.
void Session::Impl::fail_calibration(const std::vector<std::string>& weights, const Error& error) {
    auto known = std::make_shared<CalibrationState>(*document->calibration);
    const std::string text = error.hint().empty() ? error.problem() : error.problem() + "; " + error.hint();
    const bool one = std::find(weights.begin(), weights.end(), error.where()) != weights.end();
    for (const std::string& weight : weights)
        if (!one || weight == error.where()) known->problems[weight] = text;
    document = with_calibration(*document, std::move(known));
}

void Session::Impl::forget_calibration() {
    if (document) document = with_calibration(*document, std::make_shared<const CalibrationState>());
}

}  // namespace lacuna
