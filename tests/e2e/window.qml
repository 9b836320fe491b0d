// A window of Qt Quick that does not move: text, shapes, transparency, a gradient.
import QtQuick
import QtQuick.Window

Window {
    width: 640
    height: 400
    visible: true
    title: "wayferry Qt"
    color: "#f0f0e8"

    Rectangle {
        x: 20; y: 20; width: 200; height: 120
        color: "#c81e5a"
    }
    Rectangle {
        x: 160; y: 80; width: 200; height: 200
        radius: 30; opacity: 0.6; rotation: 20; antialiasing: true
        gradient: Gradient {
            GradientStop { position: 0; color: "#1e78c8" }
            GradientStop { position: 1; color: "#28b43c" }
        }
    }
    Text {
        x: 20; y: 300
        text: "Grüße aus der Gastmaschine: äöü ß €"
        font.family: "DejaVu Sans"; font.pixelSize: 24
    }
}
