#!/usr/bin/env python3
"""A window of Qt 5 that says where its drop-down list, its menus and its tooltip are, and what is chosen in them."""

import sys

from PyQt5 import QtCore, QtWidgets

application = QtWidgets.QApplication(sys.argv)
application.setStyle("Fusion")
application.setEffectEnabled(QtCore.Qt.UI_AnimateMenu, False)
application.setEffectEnabled(QtCore.Qt.UI_AnimateCombo, False)
application.setEffectEnabled(QtCore.Qt.UI_AnimateTooltip, False)
application.setEffectEnabled(QtCore.Qt.UI_FadeMenu, False)
application.setEffectEnabled(QtCore.Qt.UI_FadeTooltip, False)
application.setStyleSheet("QToolTip { background: #5ac81e; color: #5ac81e; border: 0; }")


def say(*words):
    print(*words, flush=True)


def place(what, widget, point):
    """Where a point of a widget is, counted from the window's corner."""
    at = widget.mapToGlobal(point) - window.mapToGlobal(QtCore.QPoint(0, 0))
    say(what, "at", "%d,%d" % (at.x(), at.y()))


def say_actions(menu):
    for action in menu.actions():
        place(action.text(), menu, menu.actionGeometry(action).center())


class Watch(QtCore.QObject):
    """Says what is shown, once it has its place."""

    def eventFilter(self, watched, event):
        if event.type() == QtCore.QEvent.Show:
            if watched.metaObject().className() == "QTipLabel":
                QtCore.QTimer.singleShot(0, lambda: self.say_tip(watched))
            if watched is combo.view():
                QtCore.QTimer.singleShot(0, self.say_entry)
        if event.type() == QtCore.QEvent.Move and watched in (menu, more):
            QtCore.QTimer.singleShot(0, lambda: say_actions(watched))
        return False

    def say_entry(self):
        view = combo.view()
        place("entry", view, view.visualRect(combo.model().index(3, 0)).center())

    def say_tip(self, label):
        place("tip %dx%d" % (label.width(), label.height()), label, QtCore.QPoint(0, 0))


window = QtWidgets.QWidget()
window.setWindowTitle("Widgets")
window.setFixedSize(400, 300)
combo = QtWidgets.QComboBox(window)
combo.addItems(["entry %d" % number for number in range(5)])
combo.setGeometry(20, 20, 160, 30)
combo.activated.connect(lambda number: say("chosen", number))
menu = QtWidgets.QMenu()
menu.addAction("first")
more = menu.addMenu("more")
more.addAction("nested")
menu.triggered.connect(lambda action: say("triggered", action.text()))
for shown in (menu, more):
    shown.aboutToShow.connect(lambda shown=shown: QtCore.QTimer.singleShot(0, lambda: say_actions(shown)))
button = QtWidgets.QPushButton("menu", window)
button.setGeometry(20, 80, 160, 30)
button.setMenu(menu)
label = QtWidgets.QLabel("label", window)
label.setGeometry(20, 140, 160, 30)
label.setToolTip("what it is")
watch = Watch()
application.installEventFilter(watch)
window.show()
sys.exit(application.exec_())
