#include "ui/shell/actions.h"

#include <QAction>
#include <QActionGroup>
#include <QMainWindow>
#include <QMenu>
#include <QMenuBar>
#include <QToolBar>

#include "ui/shell/icons.h"
#include "ui/shell/plain_label.h"
#include "ui/shell/text_format.h"

namespace lacuna::ui {
namespace {

/// Qt sets a tool button's text hard against its icon.
QString spaced(const QString& text) {
    return QStringLiteral("\u2009\u2009") + text;
}

}  // namespace

Actions::Actions(QMainWindow* window) : QObject(window), window_(window), themes_(new QActionGroup(this)) {
    make_file_menu();
    make_edit_menu();
    make_prune_menu();
    make_view_menu();
    make_help_menu();
    make_tool_bar();
}

QMenu* Actions::add_menu(const QString& title) {
    return window_->menuBar()->addMenu(title);
}

QAction* Actions::add(QMenu* menu, const QString& text, const QKeySequence& keys, const QString& tip) {
    QAction* action = menu->addAction(text);
    action->setShortcut(keys);
    const QString shortcut = keys.toString(QKeySequence::NativeText);
    action->setToolTip(shortcut.isEmpty() ? tip : QStringLiteral("%1 (%2)").arg(tip, shortcut));
    action->setStatusTip({});
    return action;
}

void Actions::make_file_menu() {
    QMenu* menu = add_menu(tr("&File"));
    open =
        add(menu, tr("&Open model or session…"), QKeySequence::Open, tr("Open a network to prune, or a saved session"));
    recent = menu->addMenu(tr("Open &recent"));
    open_data = add(menu, tr("Open &data…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_O),
                    tr("Labelled samples to measure accuracy on"));
    menu->addSeparator();
    save_session = add(menu, tr("&Save session"), QKeySequence::Save, tr("Save every step, choice and undo"));
    save_session_as = add(menu, tr("Save session &as…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S),
                          tr("Save the session as another file"));
    menu->addSeparator();
    load_recipe = add(menu, tr("&Load recipe…"), QKeySequence(Qt::CTRL | Qt::Key_L), tr("Prune as a recipe says"));
    save_recipe = add(menu, tr("Save reci&pe…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_L),
                      tr("Write what was chosen as a recipe"));
    load_state = add(menu, tr("Load sparsifier stat&e…"), {},
                     tr("Go on from a sparsifier's state_dict(), saved with torch.save or here"));
    save_state = add(menu, tr("Save sparsifier s&tate…"), {},
                     tr("Write masks and options as a state_dict() that PyTorch loads"));
    menu->addSeparator();
    export_model = add(menu, tr("&Export…"), QKeySequence(Qt::CTRL | Qt::Key_E), tr("Write the pruned model"));
    convert = add(menu, tr("Con&vert…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E),
                  tr("Rewrite the pruned model so that its zeros pay"));
    menu->addSeparator();
    close = add(menu, tr("&Close model"), QKeySequence(Qt::CTRL | Qt::Key_W), tr("Close the model"));
    quit = add(menu, tr("&Quit"), QKeySequence(Qt::CTRL | Qt::Key_Q), tr("Leave Lacuna"));
}

void Actions::make_edit_menu() {
    QMenu* menu = add_menu(tr("&Edit"));
    undo = add(menu, tr("&Undo"), QKeySequence::Undo, tr("Undo"));
    redo = add(menu, tr("&Redo"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), tr("Redo"));
    menu->addSeparator();
    select_all = add(menu, tr("Select &all prunable"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_A),
                     tr("Select every tensor that a recipe's \"*\" takes"));
    filter = add(menu, tr("&Filter layers"), QKeySequence::Find, tr("Find layers by name, type or sparsifier"));
}

void Actions::make_prune_menu() {
    QMenu* menu = add_menu(tr("&Prune"));
    step = add(menu, tr("&Step"), QKeySequence(Qt::CTRL | Qt::Key_Return), tr("Take the preview over into the masks"));
    run = add(menu, tr("&Take all steps"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Return),
              tr("Take the steps that are left of the schedule"));
    stop = add(menu, tr("Stop the running &job"), QKeySequence(Qt::Key_Escape),
               tr("Cancel what runs; nothing stays half-written"));
    restart = add(menu, tr("Start &over"), {}, tr("Back to before the first step, with the same choices"));
    menu->addSeparator();
    clear = add(menu, tr("&Clear masks"), QKeySequence(Qt::CTRL | Qt::Key_Backspace),
                tr("Keep every weight of the selection again"));
    menu->addSeparator();
    freeze = add(menu, tr("&Freeze"), QKeySequence(Qt::Key_F7), tr("Steps leave the selection's masks alone"));
    unfreeze = add(menu, tr("&Unfreeze"), QKeySequence(Qt::SHIFT | Qt::Key_F7), tr("Steps change the selection again"));
}

void Actions::make_view_menu() {
    QMenu* menu = add_menu(tr("&View"));
    panels = menu->addMenu(tr("&Panels"));
    QMenu* theme = menu->addMenu(tr("&Theme"));
    const std::pair<QString, ThemeChoice> choices[] = {{tr("As the &desktop"), ThemeChoice::system},
                                                       {tr("&Light"), ThemeChoice::light},
                                                       {tr("Dar&k"), ThemeChoice::dark}};
    for (const auto& [text, choice] : choices) {
        QAction* action = theme->addAction(text);
        action->setCheckable(true);
        action->setData(int(choice));
        themes_->addAction(action);
    }
    connect(themes_, &QActionGroup::triggered, this,
            [this](QAction* action) { Q_EMIT theme_chosen(ThemeChoice(action->data().toInt())); });
    menu->addSeparator();
    zoom_in = add(menu, tr("Zoom &in"), QKeySequence::ZoomIn, tr("Zoom into the mask"));
    zoom_out = add(menu, tr("Zoom &out"), QKeySequence::ZoomOut, tr("Zoom out of the mask"));
    zoom_fit = add(menu, tr("Zoom to &fit"), QKeySequence(Qt::CTRL | Qt::Key_0), tr("Show the whole mask"));
    menu->addSeparator();
    reset_layout = add(menu, tr("&Reset layout"), {}, tr("Put the panels back where they were at first"));
}

void Actions::make_help_menu() {
    QMenu* menu = add_menu(tr("&Help"));
    shortcuts = add(menu, tr("&Keyboard shortcuts"), QKeySequence(Qt::Key_F1), tr("What the keys do"));
    about = add(menu, tr("&About Lacuna"), {}, tr("What this is, and its version"));
}

void Actions::make_tool_bar() {
    auto* bar = window_->addToolBar(tr("Tools"));
    bar->setObjectName(QStringLiteral("tools"));
    bar->setMovable(false);
    bar->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    bar->setIconSize({16, 16});
    bar->setContextMenuPolicy(Qt::PreventContextMenu);
    open->setIcon(glyph_icon(Glyph::open));
    step->setIcon(glyph_icon(Glyph::step));
    undo->setIcon(glyph_icon(Glyph::undo));
    redo->setIcon(glyph_icon(Glyph::redo));
    export_model->setIcon(glyph_icon(Glyph::export_model));
    open->setIconText(spaced(tr("Open")));
    step->setIconText(spaced(tr("Step")));
    undo->setIconText(spaced(tr("Undo")));
    redo->setIconText(spaced(tr("Redo")));
    export_model->setIconText(spaced(tr("Export")));
    bar->addAction(open);
    bar->addSeparator();
    for (QAction* action : {open, step, undo, redo, export_model}) action->setIconVisibleInMenu(false);
    for (QAction* action : {step, undo, redo}) bar->addAction(action);
    bar->addSeparator();
    bar->addAction(export_model);
}

void Actions::update(const Snapshot& snapshot, bool selection) {
    const bool model = snapshot.model != nullptr;
    for (QAction* action : {save_session, save_session_as, load_recipe, save_recipe, load_state, save_state,
                            export_model, convert, close, select_all, filter, zoom_in, zoom_out, zoom_fit})
        action->setEnabled(model);
    for (QAction* action : {clear, freeze, unfreeze}) action->setEnabled(model && selection);
    const bool left = snapshot.schedule && snapshot.steps < snapshot.schedule->steps;
    step->setEnabled(model && (snapshot.pending || left));
    run->setEnabled(model && left);
    stop->setEnabled(snapshot.job.has_value());
    restart->setEnabled(model && snapshot.steps > 0);
    const auto label = [](QAction* action, const QString& verb, const std::string& what) {
        action->setEnabled(!what.empty());
        QString name = to_qstring(what);
        if (!name.isEmpty()) name[0] = name[0].toLower();
        const QString text = name.isEmpty() ? verb : verb + QStringLiteral(": ") + name;
        action->setText(QString(text).replace('&', QStringLiteral("&&")));  // one would mark a key
        const QString shortcut = action->shortcut().toString(QKeySequence::NativeText);
        action->setToolTip(plain_tooltip(QStringLiteral("%1 (%2)").arg(text, shortcut)));
    };
    label(undo, tr("Undo"), snapshot.undo_label);
    label(redo, tr("Redo"), snapshot.redo_label);
    undo->setIconText(spaced(tr("Undo")));
    redo->setIconText(spaced(tr("Redo")));
}

void Actions::check_theme(ThemeChoice choice) {
    for (QAction* action : themes_->actions()) action->setChecked(action->data().toInt() == int(choice));
}

}  // namespace lacuna::ui
